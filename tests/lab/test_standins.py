"""The stand-ins answer as the real APIs do: HW checker, Loki and Grafana, the latter over a real Prometheus."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from rig import SECRETS, Rig, sample, until

from lab import faults
from lab.standins.data_frames import frames
from lab.standins.logql import LogQLError
from lab.standins.logql_parser import parse

AUTH = ("admin", SECRETS["GRAFANA_PASSWORD"])
KEY = {"X-API-Key": SECRETS["HW_CHECKER_API_KEY"]}
BOT_LOG = [("INFO", "dialog_turn"), ("ERROR", "dialog_turn_failed"), ("ERROR", "unhandled_error")]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("standins"))
    rig.start_prometheus()
    for service in ("grafana", "loki", "hw-checker", "butler-bot"):
        rig.start(service)
    (rig.home / "logs" / "api.log").write_text("".join(_line(*entry) for entry in BOT_LOG) + "a line without time\n")
    yield rig
    rig.close()


def _line(level: str, event: str) -> str:
    at = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    return json.dumps({"timestamp": at, "level": level, "service": "api", "event": event}) + "\n"


# --- HW checker


def checker(rig: Rig, path: str, **params: Any) -> httpx.Response:
    return rig.http.get(rig.url("hw-checker", path), params=params, headers=KEY)


def test_checker_health_needs_no_key(rig):
    answer = rig.http.get(rig.url("hw-checker", "/health"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("key", [{}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}])
@pytest.mark.parametrize("path", ["checks_by_date", "all_checks_status", "queue_status", "check_status/x"])
def test_checker_data_needs_the_key(rig, path, key):
    assert rig.http.get(rig.url("hw-checker", f"/api/{path}"), headers=key).status_code == 401


def test_checker_pages_by_date(rig):
    today = datetime.now(UTC).date()
    span = {"start_date": str(today - timedelta(days=30)), "end_date": str(today)}
    whole = checker(rig, "/api/checks_by_date", **span).json()
    pages = [checker(rig, "/api/checks_by_date", **span, limit=5, offset=n).json()["checks"] for n in (0, 5)]
    assert whole["total_count"] == whole["count"] == len(whole["checks"]) == 24
    assert pages[0] + pages[1] == whole["checks"][:10]
    assert checker(rig, "/api/checks_by_date", start_date="2000-01-01", end_date="2000-01-02").json()["checks"] == []


@pytest.mark.parametrize(
    "params, status",
    [
        ({}, 422),
        ({"start_date": "2025-11-11"}, 422),
        ({"start_date": "x", "end_date": "2025-11-11"}, 400),
        ({"start_date": "2025-11-11", "end_date": "2025-11-12", "limit": "-1"}, 422),
    ],
)
def test_checker_refuses_bad_dates(rig, params, status):
    assert checker(rig, "/api/checks_by_date", **params).status_code == status


def test_checker_retries_what_it_knows(rig):
    url = rig.url("hw-checker", "/api/retry_check")
    known = checker(rig, "/api/all_checks_status", limit=1).json()["checks"][0]
    assert known["status"] == "passed"
    answer = rig.http.post(url, json={"commit_hash": known["commit_hash"]}, headers=KEY).json()
    assert (answer["job_id"], answer["status"]) == (known["job_id"], "queued")
    assert checker(rig, "/api/queue_status").json()["queued_count"] >= 1
    assert rig.http.post(url, json={"commit_hash": "unknown"}, headers=KEY).status_code == 404
    assert rig.http.post(url, json={}, headers=KEY).status_code == 400


def test_checker_takes_a_new_submission(rig):
    body = {"student_id": "newcomer", "assignment": "HW9", "submission_url": "https://example.com/a.zip"}
    job = rig.http.post(rig.url("hw-checker", "/api/run_check"), json=body, headers=KEY).json()["job_id"]
    assert checker(rig, f"/api/check_status/{job}").json()["student_id"] == "newcomer"


def test_fault_checker_down_takes_health_along(rig):
    with rig.broken("hw-checker-down"):
        assert rig.http.get(rig.url("hw-checker", "/health")).status_code == 503
        assert checker(rig, "/api/queue_status").status_code == 503


# --- Loki


def loki(rig: Rig, path: str, **params: Any) -> httpx.Response:
    return rig.http.get(rig.url("loki", f"/loki/api/v1/{path}"), params=params)


def lines(rig: Rig, query: str, **params: Any) -> list[str]:
    answer = loki(rig, "query_range", query=query, **params)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["resultType"] == "streams"
    return [line for stream in data["result"] for _, line in stream["values"]]


def test_loki_is_ready_and_labels_as_promtail_does(rig):
    assert rig.http.get(rig.url("loki", "/ready")).text == "ready\n"
    assert loki(rig, "labels").json()["data"] == ["compose_project", "container_name", "service"]
    assert {"api", "butler-bot", "mongo"} <= set(loki(rig, "label/service/values").json()["data"])
    assert "data" not in loki(rig, "label/stream/values").json()


@pytest.mark.parametrize(
    "query, count",
    [
        ('{service="api"}', 4),
        ('{service="api"} |= "ERROR"', 2),
        ('{service="api"} |= "ERROR" != "unhandled"', 1),
        ('{service="api"} |~ "dialog_turn(_failed)?"', 2),
        ("{service=`api`} !~ `ERROR|INFO`", 1),
        ('{service="api"} | json | level="ERROR"', 2),
        ('{service=~"a.i", compose_project="butler"} | json | event=~"dialog.*"', 2),
        ('{stream="butler"} |= "ERROR"', 0),
    ],
)
def test_loki_filters(rig, query, count):
    assert len(lines(rig, query)) == count


def test_loki_gives_the_newest_first_and_as_many_as_asked(rig):
    values = loki(rig, "query_range", query='{service="api"}', limit=3).json()["data"]["result"][0]["values"]
    times = [int(at) for at, _ in values]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    forward = loki(rig, "query_range", query='{service="api"}', direction="forward").json()
    assert json.loads(forward["data"]["result"][0]["values"][0][1])["event"] == "dialog_turn"


def test_loki_reads_on_as_a_file_grows(rig):
    log = rig.home / "logs" / "growing.log"
    log.write_text(_line("INFO", "one"))
    assert len(lines(rig, '{service="growing"}')) == 1
    with log.open("a") as grown:
        grown.write(_line("INFO", "more") + '{"timestamp": "half a l')
    assert len(lines(rig, '{service="growing"}')) == 2
    log.write_text(_line("INFO", "two"))  # shorter: truncated and begun again
    assert ["two" in line for line in lines(rig, '{service="growing"}')] == [True]
    log.unlink()


def test_loki_counts_over_time(rig):
    count = loki(rig, "query", query='sum(count_over_time({service="api"} |= "ERROR" [5m]))').json()["data"]
    assert count["resultType"] == "vector"
    assert [series["value"][1] for series in count["result"]] == ["2"]
    by = loki(rig, "query", query='sum by (level) (count_over_time({service="api"} | json [5m]))').json()["data"]
    assert {s["metric"].get("level", ""): s["value"][1] for s in by["result"]} == {"INFO": "1", "ERROR": "2", "": "1"}
    matrix = loki(rig, "query_range", query='count_over_time({service="api"}[5m])', since="1m", step="10s").json()
    assert matrix["data"]["resultType"] == "matrix"
    assert matrix["data"]["result"][0]["values"][-1][1] == "4"


def test_loki_takes_a_query_by_post_too(rig):
    form = {"query": 'count_over_time({service="api"}[5m])'}
    answer = rig.http.post(rig.url("loki", "/loki/api/v1/query"), data=form).json()
    assert answer["data"]["result"][0]["value"][1] == "4"


def test_loki_gives_an_empty_success_where_nothing_matches(rig):
    for query in ('{stream="butler"}', 'sum(count_over_time({stream="butler"}[5m]))'):
        answer = loki(rig, "query_range", query=query).json()
        assert (answer["status"], answer["data"]["result"]) == ("success", [])


@pytest.mark.parametrize("form", ["nanoseconds", "seconds", "decimal", "RFC 3339"])
def test_loki_understands_times(rig, form):
    at = time.time() - 3600
    start = {
        "nanoseconds": str(int(at * 1e9)),
        "seconds": str(int(at)),
        "decimal": f"{at:.3f}",
        "RFC 3339": datetime.fromtimestamp(at, UTC).isoformat(),
    }[form]
    assert len(lines(rig, '{service="api"}', start=start)) == 4
    assert lines(rig, '{service="api"}', start=start, end=str(int(at) + 60)) == []


@pytest.mark.parametrize(
    "path, params, says",
    [
        ("query_range", {"start": "1h"}, "could not parse 'start' parameter: strconv.ParseInt: parsing \"1h\""),
        ("query_range", {"end": "now"}, "could not parse 'end' parameter"),
        ("query_range", {"start": "2000000000", "end": "1000000000"}, "end timestamp must not be before"),
        ("query_range", {"limit": "0"}, "limit must be a positive value"),
        ("query_range", {"limit": "5001"}, "max entries limit per query exceeded"),
        ("query_range", {"direction": "up"}, "invalid direction 'up'"),
        ("query", {}, "log queries are not supported as an instant query type"),
        ("query", {"start": "1h"}, "log queries are not supported as an instant query type"),
        ("query_range", {"query": "count_over_time({service='a'}[5m])"}, "syntax error"),
        ("query_range", {"query": 'count_over_time({service="a"}[5m])', "step": "x"}, "cannot parse"),
        ("query_range", {"query": 'count_over_time({service="a"}[5m])', "step": "0.01"}, "11,000 points"),
    ],
)
def test_loki_refuses_in_plain_text(rig, path, params, says):
    answer = loki(rig, path, **{"query": '{service="api"}', **params})
    assert answer.status_code == 400
    assert says in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "query, says",
    [
        ("", "parse error : syntax error: unexpected $end"),
        ("{}", "parse error : queries require at least one regexp or equality matcher"),
        ('{service=~".*"}', "parse error : queries require at least one"),
        ('{service!="api"}', "parse error : queries require at least one"),
        ('{service="api}', "parse error at line 1, col 10: literal not terminated"),
        ('{service="api"', "parse error at line 1, col 15: syntax error: unexpected $end, expecting } or ,"),
        ('{service="api"} |~', "parse error at line 1, col 19: syntax error: unexpected $end, expecting STRING"),
        ("service", "parse error at line 1, col 1: syntax error: unexpected service"),
        ('{service="api"} |~ "("', "parse error : error parsing regexp"),
        ('count_over_time({service="api"}[5x])', "not a valid duration string"),
        ('{service="api"} | logfmt', "does not understand it"),
        ('{service="api"} {', "parse error at line 1, col 17: syntax error: unexpected {"),
    ],
)
def test_logql_errors_say_where(query, says):
    with pytest.raises(LogQLError) as error:
        parse(query)
    assert says in str(error.value)


def test_fault_loki_500(rig):
    with rig.broken("loki-500"):
        assert loki(rig, "query_range", query='{service="api"}').status_code == 500


def test_fault_loki_error_spike(rig):
    spike = 'sum(count_over_time({service="butler-bot"} |= "ERROR" [5m]))'
    assert loki(rig, "query", query=spike).json()["data"]["result"] == []
    with rig.broken("loki-error-spike"):
        assert loki(rig, "query", query=spike).json()["data"]["result"][0]["value"][1] == "200"


def test_fault_loki_late(rig):
    log = rig.home / "logs" / "butler-worker.log"
    log.write_text(_line("INFO", "before"))

    def told() -> int:
        return len(lines(rig, '{service="butler-worker"}'))

    with rig.broken("loki-late"):
        with log.open("a") as grown:
            grown.write(json.dumps({"timestamp": datetime.now(UTC).isoformat(), "event": "since"}) + "\n")
        assert told() == 1
    assert told() == 2


# --- Grafana


def grafana(rig: Rig, path: str, auth: tuple[str, str] | None = AUTH, **params: Any) -> httpx.Response:
    return rig.http.get(rig.url("grafana", path), params=params, auth=auth)


def ask(rig: Rig, expr: str, **query: Any) -> httpx.Response:
    one = {"refId": "A", "datasource": {"type": "prometheus", "uid": "prometheus"}, "expr": expr, **query}
    body = {"queries": [one], "from": "now-5m", "to": "now"}
    return rig.http.post(rig.url("grafana", "/api/ds/query"), json=body, auth=AUTH)


def filled(answer: httpx.Response) -> list[dict[str, Any]]:
    """The frames that hold values; none while Prometheus starts."""
    return [frame for frame in answer.json()["results"]["A"]["frames"] if frame["data"]["values"]]


def test_grafana_health_is_open_and_the_rest_is_not(rig):
    health = grafana(rig, "/api/health", auth=None).json()
    assert (health["database"], set(health)) == ("ok", {"commit", "database", "version"})
    assert grafana(rig, "/api/search", auth=None).json()["messageId"] == "auth.unauthorized"
    wrong = grafana(rig, "/api/search", auth=("admin", "wrong"))
    assert (wrong.status_code, wrong.json()["messageId"]) == (401, "password-auth.failed")


def test_grafana_finds_the_dashboard_by_search_and_uid(rig):
    hits = grafana(rig, "/api/search", query="slo").json()
    assert [hit["uid"] for hit in hits] == ["slo-butler-bot"]
    assert grafana(rig, "/api/search", query="other").json() == []
    assert grafana(rig, "/api/dashboards/uid/slo-butler-bot").json()["dashboard"]["title"] == "SLO - Butler Bot"
    assert grafana(rig, "/api/dashboards/uid/butler-slo").json()["message"] == "Dashboard not found"
    assert grafana(rig, "/api/dashboards/db/butler-slo").status_code == 404, "the checklist's path, which is gone"


def test_every_panel_of_the_dashboard_is_a_query_that_works(rig):
    panels = grafana(rig, "/api/dashboards/uid/slo-butler-bot").json()["dashboard"]["panels"]
    assert [ask(rig, panel["targets"][0]["expr"]).status_code for panel in panels] == [200] * len(panels)


def test_grafana_gives_frames_of_what_prometheus_has(rig):
    frame = until(lambda: filled(ask(rig, 'up{job="butler-bot"}')), "up is scraped")[0]
    times, values = frame["data"]["values"]
    assert [field["type"] for field in frame["schema"]["fields"]] == ["time", "number"]
    assert frame["schema"]["fields"][1]["labels"]["job"] == "butler-bot"
    assert abs(times[-1] / 1000 - time.time()) < 10
    assert values[-1] == 1
    both = ask(rig, "up", instant=True, range=True).json()["results"]["A"]["frames"]
    kinds = {frame["schema"]["meta"]["custom"]["resultType"] for frame in both}
    assert kinds == {"matrix", "vector"}


def test_grafana_keeps_failures_apart(rig):
    """No data is 200 with an empty frame; a wrong expression is 400 inside 400."""
    nothing = ask(rig, "no_such_metric")
    assert (nothing.status_code, nothing.json()["results"]["A"]["frames"][0]["schema"]["fields"]) == (200, [])
    wrong = ask(rig, "up{")
    assert (wrong.status_code, wrong.json()["results"]["A"]["status"]) == (400, 400)
    assert "parse error" in wrong.json()["results"]["A"]["error"]


def test_grafana_without_prometheus_is_502_inside_400(rig):
    rig.stop("prometheus")
    answer = ask(rig, "up")
    assert (answer.status_code, answer.json()["results"]["A"]["status"]) == (400, 502)
    assert answer.json()["results"]["A"]["frames"] == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"queries": []},
        {"queries": [{"refId": "A", "expr": "up"}]},
        {"from": "yesterday", "queries": [{"datasource": {"uid": "prometheus"}}]},
    ],
)
def test_grafana_refuses_bad_queries(rig, body):
    answer = rig.http.post(rig.url("grafana", "/api/ds/query"), json=body, auth=AUTH)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_numbers_that_json_lacks_are_null_and_listed():
    series = {"metric": {}, "values": [[1, "NaN"], [2, "+Inf"], [3, "4.5"]]}
    frame = frames("A", "x", 1, {"resultType": "matrix", "result": [series]})[0]
    assert frame["data"]["values"] == [[1000, 2000, 3000], [None, None, 4.5]]
    assert frame["data"]["entities"] == [None, {"NaN": [0], "Inf": [1]}]


def test_fault_grafana_gap(rig):
    rig.start_prometheus()
    until(lambda: filled(ask(rig, "up", instant=True)), "data")
    with rig.broken("grafana-gap"):
        assert filled(ask(rig, "up", instant=True, range=True)) == []


def test_fault_grafana_html(rig):
    with rig.broken("grafana-html"):
        answer = grafana(rig, "/api/health")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


def test_fault_grafana_dashboard_missing(rig):
    with rig.broken("grafana-dashboard-missing"):
        assert grafana(rig, "/api/dashboards/uid/slo-butler-bot").status_code == 404
        assert grafana(rig, "/api/search", query="slo").json() == []


def test_fault_grafana_other_job(rig):
    def asked() -> set[str]:
        panels = grafana(rig, "/api/dashboards/uid/slo-butler-bot").json()["dashboard"]["panels"]
        return {panel["targets"][0]["expr"] for panel in panels}

    assert len(asked()) > 2
    with rig.broken("grafana-other-job"):
        assert asked() == {'up{job="butler-worker"}'}


def test_fault_alert_fires_in_prometheus(rig):
    def firing() -> bool:
        alerts = rig.http.get(rig.url("prometheus", "/api/v1/alerts")).json()["data"]["alerts"]
        return "LabFaultAlert" in [alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"]

    assert sample(rig.metrics("butler-bot"), "lab_fault_alert") == 0
    assert not firing()
    with rig.broken("alert-firing"):
        until(firing, "the alert fires")


# --- the catalogue


def test_the_catalogue_holds_each_fault_once_with_checklist_items():
    known = faults.catalogue()
    names = [fault.name for fault in known]
    assert len(names) == len(set(names))
    assert {"dialog-slow", "hw-checker-down", "review-slow", "grafana-gap"} <= set(names)
    assert [fault.name for fault in known if not (fault.breaks and fault.turns_red)] == []
