"""Loki and the error level: whatever is not an answer is inconclusive, and counts are judged by exact tests."""

import math

import httpx
import pytest

from acceptance.gates.measures import Gate
from acceptance.gates.statistics import Count
from acceptance.observe.error_level import ErrorLevel, error_level, judge_level, poisson_tail
from acceptance.observe.loki import Line, Loki
from acceptance.verdict import Inconclusive, Verdict

INCREASE = Gate("increase", "No more errors", (), "value", '{service=~"butler.*"}', ">= 0.001", unit="p")
FEW = Gate("few", "A few", (), "value", "", "<= 1", unit="errors/min")


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


def test_lines_come_by_time_with_their_service():
    streams = [
        {"stream": {"service": "butler-bot"}, "values": [["3000000000", "c"], ["1000000000", "a"]]},
        {"stream": {"container": "x"}, "values": [["2000000000", "b"]]},
    ]
    found = loki(lambda *_: {"resultType": "streams", "result": streams}).lines("{}", 0, 10, 5)
    assert found == [Line(1.0, "butler-bot", "a"), Line(2.0, "", "b"), Line(3.0, "butler-bot", "c")]


def test_no_value_of_a_label_is_an_empty_set():
    assert loki(lambda *_: None).label_values("service", 0, 10) == set()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="empty ring\n"),
        httpx.Response(400, text="parse error"),
        httpx.Response(200, text="<html>Sign in</html>"),
        httpx.Response(200, json={"status": "error"}),
        httpx.Response(200, json=["success"]),
        httpx.Response(200, json={"status": "success", "data": {"resultType": "streams", "result": []}}),
    ],
    ids=["500", "400", "login page", "error", "a list", "another type"],
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


def level(before, after, seen=1000):
    return ErrorLevel(Count(*before), Count(*after), seen, 0.0, after[1])


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((0, 300), (0, 300), Verdict.PASS),
        ((0, 300), (5, 300), Verdict.PASS),
        ((0, 300), (10, 300), Verdict.FAIL),
        ((0, 300), (200, 300), Verdict.FAIL),
        ((600, 3600), (620, 3600), Verdict.PASS),
        ((600, 3600), (800, 3600), Verdict.FAIL),
        ((60, 3600), (90, 3600), Verdict.INCONCLUSIVE),
        ((0, 3), (200, 300), Verdict.FAIL),
        ((0, 0), (0, 300), Verdict.PASS),
        ((0, 0), (1, 10), Verdict.INCONCLUSIVE),
        ((0, 0), (200, 60), Verdict.FAIL),
    ],
    ids=[
        "none and none",
        "a few",
        "an increase from none",
        "a spike",
        "noisy as before",
        "noisier",
        "may have doubled",
        "a spike after too short a time before",
        "none, and no time before",
        "one, and no time before",
        "a spike, and no time before",
    ],
)
def test_error_level_is_judged(before, after, verdict):
    result = judge_level(INCREASE, FEW, level(before, after))
    assert result.verdict is verdict, result.explain()


def test_no_log_at_all_is_inconclusive():
    result = judge_level(INCREASE, FEW, level((0, 300), (0, 300), seen=0))
    assert (result.verdict, "no good news" in result.reason) == (Verdict.INCONCLUSIVE, True)


def test_smallest_increase_that_shows_is_told():
    assert "from 10 on" in judge_level(INCREASE, FEW, level((0, 300), (0, 300))).reason


@pytest.mark.parametrize(("events", "mean"), [(0, 3.0), (1, 3.0), (5, 2.5), (40, 20.0), (1500, 1440.0)])
def test_poisson_tail_is_the_sum_of_its_terms(events, mean):
    terms = [math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(events, 6000)]
    assert poisson_tail(events, mean) == pytest.approx(math.fsum(terms), abs=1e-9)


def test_nothing_can_come_of_nothing():
    assert (poisson_tail(0, 0.0), poisson_tail(1, 0.0)) == (1.0, 0.0)


def test_both_stretches_are_counted_without_our_own_lines():
    asked = []

    def answer(path, given):
        if path == "query_range":
            oldest = given["direction"] == "forward"
            values = [["850000000000", "first"]] if oldest else [["950000000000", "an ERROR"]]
            return {"resultType": "streams", "result": [{"stream": {}, "values": values}]}
        asked.append((given["query"], given["time"]))
        return vector(3 if "|~" in given["query"] else 99)

    seen = error_level(loki(answer), '{service=~"butler.*"}', 1000.0, 100.0, "abc123")
    errors = 'sum(count_over_time({service=~"butler.*"} |~ "ERROR|CRITICAL|Traceback" != "abc123" [100s]))'
    assert (seen.before, seen.after, seen.seen) == (Count(3, 50.0), Count(3, 100.0), 99)
    assert asked[:2] == [(errors, "900000000000"), (errors, "1000000000000")]


def test_time_before_the_first_line_is_no_baseline():
    def answer(path, given):
        if path == "query_range":
            values = [["960000000000", "first"]]
            return {"resultType": "streams", "result": [{"stream": {}, "values": values}]}
        return vector(4)

    seen = error_level(loki(answer), "{}", 1000.0, 100.0)
    assert (seen.before, seen.after) == (Count(0, 0.0), Count(4, 40.0))
