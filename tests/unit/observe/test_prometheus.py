"""What Prometheus says beside its rows, and rows that are none: never an empty or a partial result."""

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
from dependencies.faulty import server, vector
from small_target import small_target

from acceptance.observe.alerting import Alerting
from acceptance.observe.prometheus import Prometheus
from acceptance.preparation.flagcheck import new_paths_at_work
from acceptance.stage import Stage
from acceptance.stages.prometheus_clock import Observer
from acceptance.stages.readiness import in_seconds, interval_findings, scraped_twice, shared_metrics
from acceptance.target.naming import MetricNames
from acceptance.verdict import Inconclusive


def answer(rows=(), code=200, **beside):
    body = {"status": "success", "data": {"resultType": "matrix", "result": list(rows)}} | beside
    return code, "application/json", json.dumps(body).encode()


def instant(*rows):
    return answer([{"metric": labels, "value": [1, value]} for labels, value in rows])


FULL = answer(code=503, status="error", error="queue is full")
GOOD = {"metric": {"instance": "a"}, "values": [[1, "2"], [2, "NaN"]]}
# As Prometheus 2.53.3 answers.
INFO = (
    "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
    '"review_archive_storage_bytes_written" (1:14)'
)
QUANTILE = "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)"
BAD = {
    "warnings": (answer([GOOD], warnings=["remote read failed"]), "remote read failed"),
    "warning beside a note": (answer([GOOD], warnings=[INFO, QUANTILE]), "something: PromQL warning: quantile"),
    "partial": (answer([GOOD], isPartial=True), "the answer is partial"),
    "only histograms": (answer([{"metric": {"a": "b"}, "histograms": [[1, {}]]}]), "native histograms"),
    "null value": (answer([{"metric": {}, "values": [[1, None]]}]), "did not answer"),
    "no value": (answer([{"metric": {}}]), "did not answer"),
    "null labels": (answer([{"metric": None, "values": [[1, "2"]]}]), "did not answer"),
    "503 with a body": (FULL, "HTTP 503: 'queue is full'"),
    "a list": ((200, "application/json", b"[]"), "HTTP 200: '\\[\\]'"),
}


@pytest.mark.parametrize(("given", "said"), BAD.values(), ids=BAD)
def test_answer_that_is_not_whole_is_inconclusive_with_its_reason(given, said):
    with server(lambda _: given) as url, pytest.raises(Inconclusive, match=said):
        Prometheus(url, 2).raw("bad_total", 0, 10)


def test_samples_come_with_their_labels():
    with server(lambda _: answer([GOOD])) as url:
        (row,) = Prometheus(url, 2).raw("bad_total", 0, 10)
    assert (row.instance, row.points[0], len(row.points)) == ("a", (1.0, 2.0), 2)


def test_a_note_on_the_query_takes_nothing_from_the_answer():
    with server(lambda _: answer([GOOD], warnings=[INFO])) as url:
        assert Prometheus(url, 2).raw("bytes_written", 0, 10)


def test_milliseconds_are_read_as_seconds():
    def row(what, **labels):
        return {"metric": {"__name__": f"wait_ms_{what}", **labels}, "values": [[9, "250"]]}

    rows = [row("bucket", le="100"), row("bucket", le="+Inf"), row("sum"), row("count")]
    with server(lambda _: answer(rows)) as url:
        found = Prometheus(url, 2, MetricNames({"wait_seconds": "wait_ms"})).raw("wait_seconds_bucket", 0, 10)
    told = [(each.labels["__name__"], each.labels.get("le"), each.points[0][1]) for each in found]
    assert told[:2] == [("wait_seconds_bucket", "0.1", 250), ("wait_seconds_bucket", "inf", 250)]
    assert told[2:] == [("wait_seconds_sum", None, 0.25), ("wait_seconds_count", None, 250)]


def test_a_counter_that_a_client_library_exports_unused_is_no_sign_of_use():
    def row(name, value):
        return {"metric": {"__name__": name, "instance": "a"}, "values": [[9, value]], "value": [9, "9"]}

    rows = [row("new_hits_total", "0.0"), row("new_hits_created", "1.79e9"), row("new_done_total", "2")]
    with server(lambda _: answer(rows)) as url:
        asked = Prometheus(url, 2)
        assert asked.names("api", "new_", used=True) == {"new_done_total"}
        assert len(asked.names("api", "new_")) == 3


def test_a_dashboards_query_is_asked_as_it_stands():
    """It is in the deployment's names already; one of them may be the contract's name of something else."""
    asked = Prometheus("http://127.0.0.1:1", 2, MetricNames({"a_": "b_"}, {"status": "outcome"}))
    assert asked.own('a_x{status="e"}') == 'b_x{outcome="e"}'
    assert asked.literal.own('a_x{status="e"}') == 'a_x{status="e"}'


def targets(*jobs, interval="15s"):
    active = [{"labels": {"job": job}, "scrapeUrl": job, "health": "up", "scrapeInterval": interval} for job in jobs]
    return 200, "application/json", json.dumps({"status": "success", "data": {"activeTargets": active}}).encode()


def test_job_that_is_not_scraped_at_all_is_not_up():
    with server(lambda _: targets("butler-api")) as url:
        ask = partial(Prometheus(url, 2).down_targets, ["butler-api", "butler-bot"])
        with pytest.raises(Inconclusive, match="scrapes no target of job butler-bot"):
            ask()


def test_services_of_one_job_are_told_apart_by_another_label():
    # In the order of Prometheus, which is that of the alphabet.
    body = {"activeTargets": [{"labels": {"app": "bot", "job": "all"}, "scrapeUrl": "http://bot", "health": "up"}]}
    with server(lambda _: answer(data=body)) as url:
        prometheus = Prometheus(url, 2, MetricNames(labels={"job": "app"}))
        assert (prometheus.down_targets(["bot"]), prometheus.addresses("bot")) == ([], {"http://bot"})


@pytest.mark.parametrize(("up", "down"), [("11", 0), ("10", 1), ("1", None)])
def test_where_targets_are_not_told_their_samples_are_asked(up, down):
    """A managed Prometheus answers queries alone."""
    rows = instant(*(({"job": job, "instance": job}, value) for job, value in zip("ab", up, strict=False)))
    with server(lambda path: answer(code=404) if "targets" in path else rows) as url:
        ask = partial(Prometheus(url, 2).down_targets, "ab")
        if down is None:
            with pytest.raises(Inconclusive, match="scrapes no target of job b"):
                ask()
        else:
            assert ask() == ["b at b: down"][:down]


@pytest.mark.parametrize(("absent", "found"), [("", "ABSENT=prometheus-status"), ("prometheus-status", None)])
def test_a_server_need_not_tell_its_start_where_that_is_declared(absent, found, tmp_path):
    """VictoriaMetrics answers `time()` with a vector, and has no such call."""
    now = instant(({}, str(time.time())))
    with server(lambda path: answer(code=400) if "runtimeinfo" in path else now) as url:
        target = small_target(tmp_path, PROMETHEUS_URL=url, ABSENT=absent)
        with nullcontext() if found is None else pytest.raises(Inconclusive, match=found):
            assert Observer.now(Prometheus.of(target), 15).lost() == ""


def test_a_login_and_a_tenant_are_sent_with_each_question(tmp_path):
    named = {"PROMETHEUS_LOGIN": "'Bearer abcdefgh'", "PROMETHEUS_TENANT": "school"}
    with server(lambda _: answer(code=401, error="no org id")) as url:
        target = small_target(tmp_path, PROMETHEUS_URL=url, **named)
        sent = Prometheus.of(target)._session.headers, Alerting.of(target).prometheus.headers
        with pytest.raises(Inconclusive, match=r"no org id.*PROMETHEUS_TENANT"):
            Prometheus.of(target).instant("up")
    assert [(each["Authorization"], each["X-Scope-OrgID"]) for each in sent] == [("Bearer abcdefgh", "school")] * 2
    assert {"Bearer abcdefgh", "abcdefgh"} <= {*target.secrets()}


def test_a_native_histogram_has_a_name():
    rows = [{"metric": {"__name__": f"new_{each}"}, "histograms": [[9, {"count": each}]]} for each in "03"]
    with server(lambda path: instant(({}, "9")) if "timestamp" in path else answer(rows)) as url:
        asked = Prometheus(url, 2)
        assert (asked.names("api", "new_"), asked.names("api", "new_", used=True)) == ({"new_0", "new_3"}, {"new_3"})


@pytest.mark.parametrize(("prefix", "told"), [("butler_", True), ("other_", False)])
def test_a_counter_that_has_counted_nothing_is_announced(prefix, told):
    def respond(request):
        return answer(data=[{"metric": "butler_messages_total"}]) if "metadata" in request else answer()

    with server(respond) as url:
        assert Prometheus(url, 2).announces("butler-bot", prefix) == told


def test_service_that_is_not_scraped_exports_nothing_that_anybody_knows_of(tmp_path):
    with server(lambda _: answer()) as url, pytest.raises(Inconclusive, match="no running process of job butler-api"):
        new_paths_at_work(small_target(tmp_path, PROMETHEUS_URL=url), Prometheus(url, 2))


@pytest.mark.parametrize(("configured", "faults"), [("15s", 0), ("1m0s", 1)])
def test_scrape_interval_is_that_of_prometheus(configured, faults, tmp_path):
    with server(lambda _: targets("butler-api", interval=configured)) as url:
        target = replace(small_target(tmp_path), prometheus_url=url)
        found = interval_findings(target, Stage("21_01c", "t", 1, service="api"))
    assert [configured in str(each) for each in found] == [True] * faults, found


@pytest.mark.parametrize(("every", "faults"), [(15, 0), (60, 1)])
def test_an_interval_that_no_configuration_tells_is_seen(every, faults, tmp_path):
    points = [[every * number, "1"] for number in range(5)]

    def respond(path):
        if "targets" in path:
            return answer(data={"activeTargets": [{"labels": {"job": "butler-api"}}]})
        return instant(({}, "300")) if "time%28" in path else answer([{"metric": {}, "values": points}])

    with server(respond) as url:
        found = interval_findings(small_target(tmp_path, PROMETHEUS_URL=url), Stage("21_01c", "t", 1, service="api"))
    assert len(found) == faults, found


@pytest.mark.parametrize(("other", "number"), [("http://worker/metrics", 0), ("http://api/metrics", 1)])
def test_an_address_under_two_jobs_is_told(other, number, tmp_path):
    scraped = {"butler-api": "http://api/metrics", "butler-worker": other}
    body = {"activeTargets": [{"labels": {"job": job}, "scrapeUrl": url} for job, url in scraped.items()]}
    with server(lambda _: answer(data=body)) as url:
        target = small_target(tmp_path)
        found = shared_metrics(target.services["api"], target, Prometheus(url, 2))
    assert [each.found for each in found] == ["http://api/metrics, which job butler-worker scrapes too"] * number


@pytest.mark.parametrize(("restart", "number"), [("make day-12-restart-workers", 1), ("make day-12-restart-api", 0)])
def test_a_job_of_two_services_is_told_unless_one_restart_is_that_of_both(restart, number, tmp_path):
    with server(lambda _: answer(data={"activeTargets": []})) as url:
        target = small_target(tmp_path, WORKER_JOB="butler-api", RESTART_WORKER=f"'{restart}'")
        found = shared_metrics(target.services["api"], target, Prometheus(url, 2))
    assert [each.found for each in found] == ["butler-api, which is that of butler-worker too"] * number


@pytest.mark.parametrize(
    ("starts", "scraped", "told"),
    [((100.0, 200.0), "ab", []), ((100.0, 100.0), "ab", ["a and b"]), ((100.0, 100.0), "b", [])],
    ids=["two processes", "one", "one, whose address was another until now"],
)
def test_a_process_that_is_scraped_twice_is_told(starts, scraped, told, tmp_path):
    rows = vector(*(({"instance": name}, start) for name, start in zip("ab", starts, strict=True)))
    active = answer(data={"activeTargets": [{"labels": {"job": "butler-api", "instance": each}} for each in scraped]})
    with server(lambda path: active if "targets" in path else (200, "application/json", rows)) as url:
        found = scraped_twice(small_target(tmp_path).services["api"], Prometheus(url, 2))
    assert [each.found.removeprefix("one process scraped as ") for each in found] == told


def test_an_instance_that_is_there_twice_is_told(tmp_path):
    rows = instant(*(({"instance": "a", "replica": each}, "1") for each in "01"))
    with server(lambda _: rows) as url:
        (found,) = scraped_twice(small_target(tmp_path).services["api"], Prometheus(url, 2))
    assert found.found == '{instance="a",replica="0"} and {instance="a",replica="1"}'


@pytest.mark.parametrize(("text", "seconds"), [("1m0s", 60), ("500ms", 0.5), ("1h2m3s", 3723)])
def test_durations_are_read(text, seconds):
    assert in_seconds(text) == seconds
