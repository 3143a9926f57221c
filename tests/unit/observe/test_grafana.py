"""Grafana: only its own JSON is an answer, its frames are read as they are, and a panel must show what there is."""

import json
import math
import re

import httpx
import pytest
from small_target import small_target

from acceptance.finding import summary
from acceptance.observe.grafana import Dashboard, Grafana, PanelQuery, filled, variables_of
from acceptance.observe.panels import Coverage, Panel, coverage, job_findings, look_at, scrape_gaps, seen_since
from acceptance.verdict import Inconclusive

QUERY = PanelQuery("Services up", "up", "prometheus")
LOGIN = httpx.Response(200, html="<!DOCTYPE html><title>Grafana</title>")


def grafana(answer):
    return Grafana("http://grafana", "admin", "secret", transport=httpx.MockTransport(answer))


def frame(*points, names=("Time", "Value")):
    types = {"Time": "time", "Value": "number"}
    fields = [{"name": name, "type": types[name]} for name in names]
    columns = {"Time": [round(at * 1000) for at, _ in points], "Value": [value for _, value in points]}
    return {"schema": {"fields": fields}, "data": {"values": [columns[name] for name in names]}}


def answering(*frames, status=200, **result):
    body = {"results": {"A": {"status": status, "frames": list(frames), **result}}}
    return grafana(lambda _: httpx.Response(status, json=body))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, json={"database": "ok", "version": "11.6.0"}), []),
        (httpx.Response(503, json={"database": "failing"}), ["database", "503"]),
        (httpx.Response(200, json={"status": "ok"}), ["database"]),
        (LOGIN, ["<!DOCTYPE html>", "instead of JSON"]),
    ],
    ids=["good", "failing", "another service", "login page"],
)
def test_health(answer, words):
    found = grafana(lambda _: answer).health_findings()
    assert len(found) == min(1, len(words))
    assert all(word in str(found[0]) for word in words)


def test_password_travels_as_basic_auth_and_not_in_the_url():
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(404, json={"message": "Dashboard not found"})

    assert grafana(answer).dashboard("slo", 1) is None
    assert seen[0].headers["authorization"].startswith("Basic ")
    assert "secret" not in str(seen[0].url)


@pytest.mark.parametrize(
    "answer",
    [
        *(LOGIN, httpx.Response(401, json={})),
        *(httpx.Response(200, json=each) for each in ({"message": "?"}, [], {"dashboard": {"elements": {}}})),
    ],
)
def test_dashboard_that_cannot_be_read_is_inconclusive(answer):
    with pytest.raises(Inconclusive, match=r"HTTP (200|401).*GRAFANA_"):
        grafana(lambda _: answer).dashboard("slo", 1)


@pytest.mark.parametrize("panels", [[None], [{"targets": [None]}]])
def test_panels_of_another_form_are_inconclusive(panels):
    with pytest.raises(Inconclusive, match="another form"):
        grafana(lambda _: httpx.Response(200, json={"dashboard": {"panels": panels}})).dashboard("slo", 1)


def test_panels_within_rows_count_and_those_of_other_sources_do_not():
    prom = {"type": "prometheus", "uid": "p1"}
    model = {
        "title": "SLO",
        "panels": [
            {"title": "a", "datasource": prom, "targets": [{"expr": "up"}, {"expr": "x", "hide": True}]},
            {"title": "r", "panels": [{"title": "b", "datasource": "${DS}", "targets": [{"expr": "y[$__interval]"}]}]},
            {"title": "logs", "targets": [{"expr": "{a=1}", "datasource": {"type": "loki", "uid": "l"}}]},
            {"title": "text"},
            {"title": "m", "targets": [{"expr": "v", "datasource": {"type": "grafana-amazonprometheus", "uid": "a"}}]},
            {"libraryPanel": {"uid": "lib", "name": "shared"}},
        ],
        # As Grafana 4 wrote them.
        "rows": [{"panels": [{"id": each, "datasource": each, "targets": [{"expr": "w"}]} for each in ("Logs", "P0")]}],
    }

    def answer(request):
        if request.url.path == "/api/datasources":
            sources = [
                {"uid": "p0", "name": "P0", "type": "prometheus"},
                {"uid": "l0", "name": "Logs", "type": "loki"},
                {"uid": "p9", "type": "prometheus", "isDefault": True},
            ]
            return httpx.Response(200, json=sources)
        if request.url.path == "/api/library-elements/lib":
            held = {"datasource": prom, "targets": [{"expr": "z"}]}
            return httpx.Response(200, json={"result": {"model": held}})
        return httpx.Response(200, json={"dashboard": model})

    found = grafana(answer).dashboard("slo", 15)
    named = [("a", "up", "p1"), ("b", "y[15s]", "p9"), ("m", "v", "a"), ("shared", "z", "p1"), ("P0", "w", "p0")]
    assert found.queries == tuple(PanelQuery(*each) for each in named)


def test_variables_are_filled_in():
    listed = [
        {"name": "job", "current": {"value": ["a", "b"]}},
        {"name": "all", "current": {"value": "$__all"}},
        {"name": "own", "current": {"value": ["$__all"]}, "allValue": "butler.+"},
        {"name": "one", "current": {"value": "x"}},
    ]
    variables = variables_of({"templating": {"list": listed}}, 15)
    expression = "u{j=~'$job',k=~'${all:regex}',l=~'$own',m='[[one]]'}[$__rate_interval] $unknown"
    assert filled(expression, variables) == "u{j=~'(a|b)',k=~'.*',l=~'butler.+',m='x'}[60s] $unknown"


def test_frames_are_series_with_nulls_as_numbers_that_are_none():
    shown = answering(frame((10.0, 1), (11.0, None)), frame((10.0, 2), names=("Time", "Value"))).shown(QUERY, 0, 20, 1)
    first, second = shown.series
    assert (first[0], math.isnan(first[1][1]), second) == ((10.0, 1.0), True, [(10.0, 2.0)])


def test_query_names_source_window_and_step():
    asked = []

    def answer(request):
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={"results": {"A": {"frames": []}}})

    assert grafana(answer).shown(QUERY, 100, 400, 15).series == ()
    query = asked[0]["queries"][0]
    assert (asked[0]["from"], asked[0]["to"]) == ("100000", "400000")
    assert (query["expr"], query["datasource"]["uid"], query["intervalMs"]) == ("up", "prometheus", 15000)


@pytest.mark.parametrize(
    "asked",
    [
        answering(status=400, error="bad_data: parse error"),
        grafana(lambda _: httpx.Response(400, json={"message": "parse error"})),
    ],
    ids=["of the query", "of the request"],
)
def test_error_of_a_panel_is_shown(asked):
    assert "parse error" in asked.shown(QUERY, 0, 10, 1).error


@pytest.mark.parametrize("answer", [LOGIN, httpx.Response(502, json={"message": "bad gateway"})])
def test_query_that_grafana_does_not_answer_is_inconclusive(answer):
    with pytest.raises(Inconclusive):
        grafana(lambda _: answer).shown(QUERY, 0, 10, 1)


FULL = Coverage(3, 0.0, 300.0, 15.0)


@pytest.mark.parametrize(
    ("shown", "held", "words"),
    [
        (FULL, FULL, ""),
        (None, None, ""),
        (FULL, None, ""),
        (Coverage(3, 15.0, 285.0, 30.0), FULL, ""),
        (None, FULL, "found none"),
        (Coverage(2, 0.0, 300.0, 15.0), FULL, "expected 3 series, found 2"),
        (Coverage(3, 0.0, 200.0, 15.0), FULL, "newest data are 100 s old"),
        (Coverage(3, 120.0, 300.0, 15.0), FULL, "begin 120 s late"),
        (Coverage(3, 0.0, 300.0, 120.0), FULL, "a gap of 105 s"),
        (Coverage(3, 0.0, 300.0, 120.0), Coverage(3, 0.0, 300.0, 120.0), ""),
    ],
)
def test_panel_must_show_what_prometheus_holds(shown, held, words):
    found = Panel(QUERY, "", shown, held).findings(15)
    assert bool(found) == bool(words)
    assert words in summary(found)


def test_panel_with_an_error_says_it():
    assert "parse error" in Panel(QUERY, "parse error", None, None).findings(15)[0].found


def test_coverage_takes_all_series_together():
    assert coverage([[(0.0, 1), (1.0, 1)], [(4.0, 1)], []]) == Coverage(2, 0.0, 4.0, 3.0)
    assert coverage([[]]) is None


class FakePrometheus:
    def __init__(self, *times):
        self.times, self.asked = times, []

    def range(self, query, start, end, step):
        self.asked.append(query)
        return {"": [(at, 1.0) for at in self.times]} if self.times else {}


def test_both_are_asked_the_same_of_a_panel():
    prometheus = FakePrometheus(*range(0, 11))
    asked = answering(frame(*((float(at), 1) for at in range(0, 11))))
    (panel,) = look_at(type("D", (), {"queries": (QUERY,)}), asked, prometheus, 0, 10, 1)
    assert (panel.findings(1), prometheus.asked) == ([], ["up"])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (range(0, 61), ""),
        ((), "found none"),
        (range(0, 31), "at the edge"),
        (range(30, 61), "at the edge"),
        ([*range(0, 20), *range(40, 61)], "within the window"),
    ],
    ids=["whole", "nothing", "ends early", "begins late", "hole"],
)
def test_gap_of_the_scrapes_themselves(times, words):
    found = scrape_gaps(FakePrometheus(*times), "butler-bot", 0, 60, 1)
    assert bool(found) == bool(words)
    assert words in summary(found)


class Scrapes:
    """A Prometheus that holds one scrape a second of a job: its ``up``, or None where there was no scrape."""

    def __init__(self, *up):
        self.up = up

    def range(self, query, start, end, step):
        fold, window = re.search(r"sum\((\w+)\(up\{job=\"butler-bot\"\}\[(\d+)ms\]\)\)", query).groups()
        fold = {"count_over_time": len, "sum_over_time": sum}[fold]
        within = {at: self._within(at, int(window) / 1000) for at in range(start, end + 1, step)}
        points = [(float(at), fold(found)) for at, found in within.items() if found]
        return {"": [point for point in points if point[1] > 0 or not query.endswith("> 0")]}

    def _within(self, at, seconds):
        return [up for when, up in enumerate(self.up) if at - seconds < when <= at and up is not None]


@pytest.mark.parametrize("kind", [0, None], ids=["failed scrapes", "no scrapes"])
@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (range(30, 32), ""),  # a planned restart
        (range(30, 35), ""),
        (range(30, 40), "within the window"),
        (range(45, 61), "at the edge"),
        (range(61), "none that succeeded"),
    ],
    ids=["restart", "five", "ten", "at the end", "all"],
)
def test_scrape_that_fails_is_as_good_as_none(kind, lost, words):
    scrapes = Scrapes(*(kind if at in lost else 1 for at in range(61)))
    found = scrape_gaps(scrapes, "butler-bot", 0, 60, 1)
    assert bool(found) == bool(words)
    assert words in summary(found)


@pytest.mark.parametrize(
    ("restarted", "found"),
    [([(28, 39)], 0), ([(28, 31)], 1), ([(0, 20), (45, 60)], 1), ([(-20, 90)], 0)],
    ids=["ours", "ours was over sooner", "ours were others", "longer than the window"],
)
def test_only_a_restart_of_ours_excuses_a_gap(restarted, found):
    up = Scrapes(*(int(at not in range(30, 40)) for at in range(61)))
    assert len(scrape_gaps(up, "butler-bot", 0, 60, 1, restarted)) == found
    assert "none that succeeded" in summary(scrape_gaps(Scrapes(*[0] * 61), "butler-bot", 0, 60, 1, restarted))


def test_young_target_is_seen_since_its_first_scrape():
    assert seen_since(FakePrometheus(42, 43), 0, 60, 1) == 42
    assert seen_since(FakePrometheus(), 0, 60, 1) == 60


@pytest.mark.parametrize(
    ("expressions", "found"),
    [
        (["up", 'errors{job="butler-worker"}'], ""),
        (['sum by (job) (errors{job="butler-worker"})', 'up{a="b", job = "butler-bot"}'], ""),
        (['up{job=~"butler\\\\-.+"}'], ""),
        (['up{job!="butler-worker"}'], ""),
        (
            ['up{job="butler-worker"}', 'rate(x{le="1",job=~"butler-api|nobody"}[5m])'],
            "butler-api|nobody, butler-worker",
        ),
        (['up{job!="butler-bot"}'], "butler-bot"),
        ([], ""),
    ],
    ids=["all jobs", "one panel", "pattern", "another excluded", "others alone", "the bot excluded", "no panels"],
)
def test_dashboard_that_asks_for_another_job_is_named(tmp_path, expressions, found):
    queries = tuple(PanelQuery("Panel", each, "prometheus") for each in expressions)
    named = job_findings(Dashboard("SLO", queries), small_target(tmp_path))
    assert bool(named) == bool(found)
    assert found in summary(named)


def test_no_dashboard_asks_for_no_other_job(tmp_path):
    assert job_findings(None, small_target(tmp_path)) == []
    strange = Dashboard("SLO", (PanelQuery("p", 'up{job=~"a(?i)b"}', ""),))
    with pytest.raises(Inconclusive, match="see whether it chooses butler-bot"):
        job_findings(strange, small_target(tmp_path))
