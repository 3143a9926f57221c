"""Prometheus, Loki, Grafana and MongoDB out of order, seen by the clients that the checks use."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from acceptance.gates.judging import judge
from acceptance.gates.measures import Gate
from acceptance.gates.series import Row, Samples
from acceptance.observe.grafana import Grafana
from acceptance.observe.logs import Logs
from acceptance.observe.loki import Loki
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.archives import archives
from acceptance.probes.http.client import Caller
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.stage import Stage
from acceptance.stages.readiness import questions, unanswered
from acceptance.stages.soak import soak
from acceptance.verdict import Inconclusive, Verdict
from dependencies.faulty import expired_tls, matrix, prometheus, server, vector

NO_HOST = "no-such-host.invalid"
BOUND_S = 15


@contextmanager
def bounded(seconds=BOUND_S):
    """Fail when the body takes longer: a hang is no answer."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def late(_):
    """Answer when nobody waits any more."""
    time.sleep(2 * BOUND_S)
    return 503, "text/plain", b""


ANSWERS = {
    "500": (500, "text/plain", b"internal"),
    "html": (200, "text/html", b"<html>Grafana log in</html>"),
    "empty": (200, "application/json", b""),
    "other-json": (200, "application/json", b'{"status":"success"}'),
    "error-json": (200, "application/json", b'{"status":"error","error":"out of memory"}'),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_prometheus_that_answers_wrongly_is_not_an_empty_result(answer):
    with server(lambda _: answer) as url, bounded(), pytest.raises(Inconclusive, match="did not answer"):
        Prometheus(url, 2).instant("up")


@pytest.mark.parametrize("url", [f"http://{NO_HOST}:9090", "http://127.0.0.1:1"], ids=["dns", "refused"])
def test_prometheus_that_cannot_be_found_is_inconclusive(url):
    with bounded(), pytest.raises(Inconclusive, match="PROMETHEUS_URL"):
        Prometheus(url, 2).firing_alerts()


def test_prometheus_that_never_answers_is_given_up():
    with server(late) as url, bounded(), pytest.raises(Inconclusive):
        Prometheus(url, 1).instant("up")


LAST_SCRAPES = vector(({"instance": "a"}, 100.0), ({"instance": "b"}, 101.5))
"""By instance; one that is gone has none, nor has one that Prometheus never saw."""


@pytest.mark.parametrize(
    ("instance", "last", "exported"),
    [("a", 100.0, True), ("a", 99.0, False), ("b", 101.5, True), ("b", 100.0, False), ("gone", 200.0, False)],
    ids=["of-the-last-scrape", "of-a-scrape-before", "of-the-others-last", "of-the-others-before", "of-a-target-gone"],
)
def test_exported_is_what_the_last_scrape_of_its_target_found(instance, last, exported):
    found = matrix(({"__name__": "new_path_total", "instance": instance}, last))
    with server(lambda path: (200, "application/json", LAST_SCRAPES if "timestamp" in path else found)) as url:
        assert Prometheus(url, 2).names("api", "new_path_") == ({"new_path_total"} if exported else set())


def test_expired_certificate_is_inconclusive_and_never_trusted(tmp_path, monkeypatch):
    certificate, context = expired_tls(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))  # trusted but for its date
    with server(lambda _: (200, "application/json", vector(({}, 1))), context) as url, bounded():
        with pytest.raises(Inconclusive, match="certificate"):
            Prometheus(url, 2).instant("up")
        called = Caller(url, 2).get("/health")
        assert called.exchange.status is None
        assert "CERTIFICATE_VERIFY_FAILED" in called.exchange.error
        sent = Uploader(url, timeout_s=2).send(Upload("student", "hw01", archives.good()))
        assert (sent.status, "certificate" in sent.error) == (None, True)


def test_service_whose_name_does_not_resolve_answers_nothing():
    with bounded():
        called = Caller(f"http://{NO_HOST}", 2).get("/health")
        sent = Uploader(f"http://{NO_HOST}", timeout_s=2).send(Upload("student", "hw01", archives.good()))
    assert (called.exchange.status, sent.status) == (None, None)
    assert called.exchange.error
    assert sent.error


@pytest.mark.parametrize("host", [NO_HOST, "127.0.0.1"], ids=["dns", "refused"])
def test_database_that_is_not_there_is_inconclusive(target, host):
    gone = target(MONGODB_URL=f"mongodb://{host}:1/")
    with bounded(), pytest.raises(Inconclusive, match="MongoDB did not answer"), database(gone) as mongo:
        mongo["long_tasks"].count_documents({})


LOKI_AND_GRAFANA = {
    "loki": lambda url: Loki(url, 2).count('{app="butler"}', time.time() - 60, time.time()),
    "grafana": lambda url: Grafana(url, "admin", "password", 2).dashboard("slo-butler-bot", 1.0),
}


@pytest.mark.parametrize("ask", LOKI_AND_GRAFANA.values(), ids=LOKI_AND_GRAFANA)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_loki_and_grafana_that_answer_wrongly_are_inconclusive(ask, answer):
    with server(lambda _: answer) as url, bounded(), pytest.raises(Inconclusive):
        ask(url)


@pytest.mark.parametrize("ask", LOKI_AND_GRAFANA.values(), ids=LOKI_AND_GRAFANA)
def test_loki_and_grafana_that_cannot_be_found_are_inconclusive(ask):
    with bounded(), pytest.raises(Inconclusive):
        ask(f"http://{NO_HOST}")


def test_log_that_is_gone_or_empty_is_not_a_log_without_errors(tmp_path):
    (tmp_path / "empty.log").touch()
    for name in ("none.log", "empty.log"):
        with pytest.raises(Inconclusive):
            Logs(f"file://{tmp_path / name}").since(datetime.now(UTC))


def test_scrape_target_that_flaps_is_not_a_pass():
    """A service that was scraped three times in four was not watched, however good the values are."""
    gate = Gate("errors", "No errors", (), "value", "errors", "== 0")
    values = [Row({}, [(float(at), 0.0) for at in range(21)])]
    scrapes = ([Row({}, [(float(at), float(at <= good)) for at in range(21)])] for good in (15, 20))
    flapping, steady = (judge(gate, Samples(0.0, 20.0, 1.0, values, (), up)) for up in scrapes)
    assert (flapping.verdict, steady.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert "found 15" in flapping.reason


UP = Gate("up", "Up", (), "value", "up", ">= 1")


def soaked(url, traffic=lambda: [], gates=(UP,), seconds=0.5):
    """A short soak that looks at this Prometheus."""
    stage = Stage("21_01c", "Storage", 50, gates=gates)
    return soak(
        stage, Prometheus(url, 1), "butler-api", traffic, seconds=seconds, step=0.05, per_minute=600, stopped=lambda: ""
    )


def test_prometheus_that_is_well_all_along_lets_a_soak_pass():
    """Else the others here would be red for another reason than theirs."""
    with server(prometheus()) as url, bounded():
        assert soaked(url).results["up"].verdict is Verdict.PASS


def test_prometheus_that_restarts_in_the_soak_is_no_pass_however_short_its_gap():
    requests = []
    told = pytest.raises(Inconclusive, match="restarted at 2002-01-01 00:00:00 UTC, in the soak")
    with server(prometheus(starts=lambda: bool(requests))) as url, bounded(), told:
        soaked(url, traffic=lambda: requests.append(1) or [])


def test_prometheus_that_is_gone_at_the_end_of_the_soak_is_inconclusive():
    """Then the gates are judged."""
    requests, answer = [], prometheus()
    told = pytest.raises(Inconclusive, match="did not answer")
    with server(lambda path: ANSWERS["500"] if requests else answer(path)) as url, bounded(), told:
        soaked(url, traffic=lambda: requests.append(1) or [])


@pytest.mark.parametrize("ahead", [-240, 240], ids=["behind", "ahead"])
def test_prometheus_with_another_time_is_no_witness(ahead, target):
    """It would show the window before flag-on as that of the soak, and a broken release as good."""
    which = "ahead of" if ahead > 0 else "behind"
    with server(prometheus(ahead)) as url, bounded():
        with pytest.raises(Inconclusive, match=rf"2(39|40)\.\d s {which} ours, at most 1 s"):
            soaked(url, traffic=pytest.fail)
        asked = target(PROMETHEUS_URL=url)
        spots = list(unanswered(asked, questions(asked, Stage("21_01c", "Storage", 50), print)))
    clock = [spot for spot in spots if f"the clock of Prometheus at {url}" in str(spot)]
    assert ["PROMETHEUS_URL" in spot.subject for spot in clock] == [True], spots


def test_prometheus_that_does_not_tell_when_it_started_is_no_witness():
    answer = prometheus()
    for said in (404, "text/plain", b""), (200, "application/json", b'{"status":"success","data":{"startTime":""}}'):
        told = pytest.raises(Inconclusive, match="did not answer «status/runtimeinfo»")
        replies = partial(lambda said, path: said if "runtimeinfo" in path else answer(path), said)
        with server(replies) as url, bounded(), told:
            soaked(url, traffic=pytest.fail)


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "ahead"])
def test_clock_that_is_set_in_the_soak_neither_prolongs_nor_shortens_it_and_is_no_pass(hours):
    """The operator's clock is set by an hour while the soak waits."""
    sent = []
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:

        def traffic():
            if not sent:
                clock.shift(timedelta(hours=hours))
            sent.append(1)
            return []

        begin = time.monotonic()
        told = pytest.raises(Inconclusive, match=r"clock was set by [+-]3600 s")
        with server(prometheus()) as url, bounded(), told:
            soaked(url, traffic, gates=(), seconds=1)
        assert time.monotonic() - begin > 1
    assert len(sent) > 3
