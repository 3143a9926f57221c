"""Loki: whatever is not an answer is inconclusive, and its lines are those of any other log."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from acceptance.gates.statistics import Count
from acceptance.observe.foreign_lines import ForeignLines
from acceptance.observe.log_entries import Raw, entries
from acceptance.observe.log_lines import of_ours
from acceptance.observe.loki import Loki, compare_in_loki, late_in_loki, suspect
from acceptance.target.log_format import LogFormat
from acceptance.target.parsers import log_fields
from acceptance.target.parts import Service
from acceptance.verdict import Inconclusive


def loki(answer):
    """A Loki that answers by a function of (path, parameters)."""

    def handle(request):
        given = answer(request.url.path.removeprefix("/loki/api/v1/"), dict(request.url.params))
        if isinstance(given, httpx.Response):
            return given
        return httpx.Response(200, json={"status": "success", "data": given})

    return Loki("http://loki", transport=httpx.MockTransport(handle))


def vector(*values):
    return {"resultType": "vector", "result": [{"metric": {}, "value": [1, str(value)]} for value in values]}


def test_lines_are_counted_over_whole_seconds_up_to_the_end():
    asked = []

    def answer(path, given):
        asked.append((path, given))
        return vector(7)

    assert loki(answer).count('{a="b"}', 1000.2, 1010.5) == 7
    assert asked == [("query", {"query": 'sum(count_over_time({a="b"} [11s]))', "time": "1010500000000"})]


def test_empty_vector_is_no_line():
    assert loki(lambda *_: vector()).count("{}", 0, 10) == 0


def streams(*lines):
    """An answer with lines of (seconds, text)."""
    values = [[str(round(at * 1e9)), text] for at, text in lines]
    return {"resultType": "streams", "result": [{"stream": {"service": "butler-bot"}, "values": values}]}


def test_lines_are_those_of_any_log_and_take_as_many_pages_as_there_are(monkeypatch):
    monkeypatch.setattr("acceptance.observe.loki._PAGE", 3)
    trace = "Traceback (most recent call last):", "  File", "KeyError: 1"  # of one moment, on two pages
    held = [(1, "INFO: fine"), *((2, text) for text in trace), (4, "x")]

    def answer(_, given):
        start = int(given["start"]) / 1e9
        return streams(*[each for each in held if each[0] >= start][: int(given["limit"])])

    with pytest.raises(Inconclusive, match="3 lines or more of one moment"):
        loki(answer).lines("{}", 0, 10)
    monkeypatch.setattr("acceptance.observe.loki._PAGE", 4)
    with pytest.raises(Inconclusive, match="lines of another time than was asked for"):
        loki(lambda *_: streams(*held)).lines("{}", 2, 10)
    found = loki(answer).lines("{}", 0, 10)
    told = [(line.at.timestamp(), line.is_error, line.exception) for line in found]
    assert told == [(1, False, ""), (2, True, "KeyError"), (4, False, "")]


def test_more_lines_than_can_be_read_are_inconclusive(monkeypatch):
    monkeypatch.setattr("acceptance.observe.loki._PAGE", 2)
    with pytest.raises(Inconclusive, match="more than 200 lines"):
        loki(lambda _, given: streams(*((int(given["start"]) / 1e9 + at, "x") for at in (0, 1)))).lines("{}", 0, 999)


@pytest.mark.parametrize("values", [None, [["soon", "x"]], [["1"]], [[None, "x"]]])
def test_lines_of_another_form_are_inconclusive(values):
    answer = loki(lambda *_: {"resultType": "streams", "result": [{"stream": {}, "values": values}]})
    with pytest.raises(Inconclusive, match="another form"):
        answer.lines("{}", 0, 10)


def test_a_line_with_metadata_is_a_line():
    (found,) = loki(
        lambda *_: {"resultType": "streams", "result": [{"values": [["7", "ERROR: x", {"structuredMetadata": {}}]]}]}
    ).lines("{}", 0, 10)
    assert found.is_error


MOMENTS = (datetime.fromtimestamp(900, UTC), datetime.fromtimestamp(1000, UTC))
BOT = Service("bot", "butler-bot", "http://bot", "bot", "file:///bot.log", "make")


def test_a_service_is_compared_with_as_long_a_time_before_as_loki_covers():
    asked = []

    def answer(path, given):
        if path == "query":
            return vector(99)
        asked.append(given["query"])
        errors = [(at, "ERROR: boom") for at in (860, 870, 950, 960, 970)]
        return streams((850, "INFO: first")) if given["limit"] == "1" else streams(*errors, (980, "ERROR: ops1 ours"))

    found = compare_in_loki(loki(answer), BOT, *MOMENTS, foreign=ForeignLines(of_ours("", "ops1")))
    assert (found.before, found.after, found.seen, len(found.errors)) == (Count(2, 50.0), Count(3, 100.0), 99, 3)
    assert all(query.startswith('{service="butler-bot"}') for query in asked)


def test_levels_that_cannot_be_read_are_no_good_news():
    answer = loki(lambda *_: streams((850, '{"grade": "error"}'), (950, '{"grade": "error"}')))
    with pytest.raises(Inconclusive, match="expected lines that state their level, found 2 without one"):
        compare_in_loki(answer, BOT, *MOMENTS, foreign=list)


TROUBLE = (
    "KeyError: 1",
    "ERRO[0005] x",
    "Killed",
    '{"SeverityNumber": 17}',
    "<3>boom",
    '{"level": "E"}',
    '{"PRIORITY": "3"}',
    '{"level": 50.0}',
    "E1128 12:00:05 x",
)


@pytest.mark.parametrize(
    "text", [*TROUBLE, '{"level_value": 40000}', "Aborted (core dumped)", "2026-11-28 12:00:05 Failed to save"]
)
def test_what_is_an_error_is_asked_for(text):
    assert selected(text, LogFormat())


def test_an_error_in_figures_of_a_field_with_its_own_name_is_asked_for():
    form = LogFormat(fields=log_fields("level=log.how-bad numbers=dotnet"))
    assert selected('{"log": {"how-bad": 4}}', form)
    assert suspect(replace(form, kind="text", pattern=r"(?P<time>\S+) (?P<level>\d)")) == ""


def selected(text, form):
    (line,) = entries([Raw(text, datetime.fromtimestamp(900, UTC))], form)
    return line.is_error and re.search(json.loads(suspect(form).removeprefix("|~ ")), text)


def test_a_loki_of_another_label_and_of_several_tenants_is_asked_for_ours():
    asked = []

    def handle(request):
        asked.append((request.headers.get("X-Scope-OrgID"), request.url.params.get("query", "")))
        data = vector(9) if request.url.path.endswith("/query") else streams((950, "INFO: fine"))
        return httpx.Response(200, json={"status": "success", "data": data})

    ours = Loki("http://loki", label="service_name", tenant="school", transport=httpx.MockTransport(handle))
    compare_in_loki(ours, BOT, *MOMENTS, foreign=list)
    assert {tenant for tenant, _ in asked} == {"school"}
    assert all('{service_name="butler-bot"}' in query for _, query in asked)


def test_no_value_of_a_label_is_an_empty_set():
    assert loki(lambda *_: None).label_values("service", 0, 10) == set()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="empty ring\n"),
        httpx.Response(400, text="parse error"),
        httpx.Response(200, text="<html>Sign in</html>"),
        httpx.Response(200, json={"status": "error"}),
        httpx.Response(200, json={"status": "success", "warnings": ["partial"], "data": vector(0)}),
        httpx.Response(200, json=["success"]),
        httpx.Response(200, json={"status": "success", "data": {"resultType": "streams", "result": []}}),
    ],
    ids=["500", "400", "login page", "error", "partial", "a list", "another type"],
)
def test_what_is_no_answer_is_inconclusive(answer):
    with pytest.raises(Inconclusive, match="LOKI_URL"):
        loki(lambda *_: answer).count("{}", 0, 10)


@pytest.mark.parametrize("status", [500, 502])
def test_loki_that_does_not_answer_does_not_say_that_there_are_no_services(status):
    with pytest.raises(Inconclusive, match=f"{status}"):
        loki(lambda *_: httpx.Response(status, text="empty ring")).label_values("service", 0, 10)


def test_unreachable_loki_is_inconclusive():
    def refuse(*_):
        raise httpx.ConnectError("refused")

    with pytest.raises(Inconclusive, match="ConnectError"):
        loki(refuse).label_values("service", 0, 10)


@pytest.mark.parametrize(
    ("wrote", "ages", "late"),
    [
        ([True], [None], ["butler-bot"]),
        ([True], [20], ["butler-bot"]),
        ([False], [20], []),
        ([True], [None, 20, 1], []),
        ([], [None], []),
    ],
    ids=["never", "not the newest", "only good ones missing", "a little later", "nothing written"],
)
def test_service_whose_lines_do_not_come_is_named(monkeypatch, wrote, ages, late):
    now = datetime.now(UTC)
    lines = [SimpleNamespace(at=now, is_warning=bad) for bad in wrote]
    logs = SimpleNamespace(of=lambda _, **__: SimpleNamespace(since=lambda _, **__: lines))
    monkeypatch.setattr("acceptance.observe.loki.Logs", logs)
    monkeypatch.setattr("acceptance.observe.loki.poll", lambda ask, good, *_, **__: _polled(ask, good, len(ages)))
    left = list(ages)

    def answer(_, given):
        age = left.pop(0)  # of the newest line that it holds
        return vector(int(age is not None and age < int(re.search(r"\[(\d+)s\]", given["query"])[1])))

    assert late_in_loki(loki(answer), [BOT], now - timedelta(seconds=60), 30) == late


def _polled(ask, good, times):
    """Ask so many times at most."""
    for _ in range(times):
        if good(answer := ask()):
            break
    return answer
