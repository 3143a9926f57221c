"""Is the log worse than before: incidents and kinds, whatever writes the lines."""

import json
import math
import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from acceptance.gates.statistics import Count, poisson_tail
from acceptance.observe.foreign_lines import ForeignLines
from acceptance.observe.log_comparison import Comparison, compare, compared
from acceptance.observe.log_lines import LogLine, of_ours
from acceptance.observe.logs import Logs
from acceptance.target.log_format import LogFormat
from acceptance.verdict import Inconclusive, Verdict

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def json_line(seconds, level="ERROR", event="e", message="boom", **fields):
    return json.dumps(
        {"timestamp": at(seconds).isoformat(), "level": level, "event": event, "message": message, **fields}
    )


def text_line(seconds, level="ERROR", message="Failed to save dialog context: boom"):
    return f"{at(seconds):%Y-%m-%d %H:%M:%S},{at(seconds).microsecond // 1000:03} - bot - {level} - {message}"


@pytest.fixture
def log(tmp_path):
    def make(lines, **form):
        (tmp_path / "log").write_text("\n".join(lines) + "\n")
        return Logs(f"file://{tmp_path}/log", LogFormat(**form))

    return make


def level(before, after, seen=1000):
    return Comparison("bot", Count(*before), Count(*after), seen, (), (), 0.0, after[1])


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((0, 300), (0, 300), Verdict.PASS),
        ((0, 300), (5, 300), Verdict.PASS),
        ((0, 300), (10, 300), Verdict.FAIL),
        ((600, 3600), (620, 3600), Verdict.PASS),
        ((600, 3600), (800, 3600), Verdict.FAIL),
        ((60, 3600), (90, 3600), Verdict.INCONCLUSIVE),
        ((0, 1), (30, 900), Verdict.FAIL),
        ((0, 1), (2, 900), Verdict.INCONCLUSIVE),
        ((0, 0), (0, 300), Verdict.PASS),
        ((0, 0), (1, 10), Verdict.INCONCLUSIVE),
        ((0, 0), (200, 60), Verdict.FAIL),
    ],
)
def test_incidents_are_judged(before, after, verdict):
    result = level(before, after).judged()
    assert result.verdict is verdict, result.explain()


def test_no_line_at_all_is_inconclusive():
    assert level((0, 300), (0, 300), seen=0).judged().verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("events", "mean"), [(0, 3.0), (5, 2.5), (1500, 1440.0)])
def test_poisson_tail_is_the_sum_of_its_terms(events, mean):
    terms = [math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(events, 6000)]
    assert poisson_tail(events, mean) == pytest.approx(math.fsum(terms), abs=1e-9)


OLD = [json_line(second, "INFO") for second in range(-3600, 0, 60)]


@pytest.mark.parametrize("every", [1, 20])
def test_errors_from_the_first_second_after_the_change_are_an_increase(log, every):
    lines = [*OLD, *(json_line(second + 0.1) for second in range(0, 900, every))]
    found = compare(log(lines), NOON, at(900))
    assert [each.kind for each in (*found.increase(), *found.new_kinds())] == ["more errors", "new error"]


@pytest.mark.parametrize(
    ("before", "event", "every", "found"),
    [
        (60, "tick", 0.05, ["flood of lines"]),
        (60, "e", 0.05, []),  # more of what is known is more work
        (60, "tick", 0.2, []),
        (0.02, "tick", 0.05, []),  # it was as loud before
    ],
)
def test_a_flood_of_new_lines_is_named(log, before, event, every, found):
    old = [json_line(-20 + n * before, "INFO") for n in range(max(1, int(20 / before)))]
    lines = [*old, *(json_line(n * every, "INFO", event) for n in range(int(20 / every)))]
    assert [each.kind for each in compare(log(lines), NOON, at(20)).louder()] == found


def test_a_log_that_begins_at_the_change_is_no_clean_time_before(log):
    lines = [json_line(-1, "INFO"), *(json_line(second) for second in range(1, 900, 100))]
    found = compare(log(lines), NOON, at(900))
    with pytest.raises(Inconclusive, match="too little to compare with"):
        found.increase()
    with pytest.raises(Inconclusive, match="expected a log that goes back before the change"):
        found.new_kinds()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([json_line(300, "INFO")], "begins at 12:05:00"),
        (OLD, "found none; is this still the log"),
        ([text_line(-600), *(text_line(second) for second in range(1, 60))], "lines with a time in the declared"),
        ([re.sub('"level"', '"grade"', each) for each in (*OLD, json_line(5, "oops"))], "lines that state their level"),
        ([json_line(40, "INFO")], "begins at 12:00:40"),
        ([*OLD, json_line(5, "KRITISCH")], "say what it means, such as level:error=KRITISCH"),
        ([*OLD, json_line(5, 40)], "numbers of a named scheme, found 40"),
        ([*OLD, "ERROR - no time", "Segmentation fault", json_line(99, "INFO")], "to have a time, found 2 without one"),
    ],
    ids=[
        *("rotated away", "stopped before the change", "text where JSON is declared", "levels that cannot be read"),
        *("rotated away after the restart", "level of no table", "levels of two schemes", "errors without a time"),
    ],
)
def test_what_is_not_covered_cannot_be_compared(log, lines, said):
    with pytest.raises(Inconclusive, match=said):
        compare(log(lines), NOON, at(900), back=at(10))


def test_a_text_log_is_compared_as_well(log):
    lines = [text_line(-600, "INFO", "up"), text_line(-300), *(text_line(second) for second in range(1, 60))]
    found = compare(log(lines, kind="text"), NOON, at(60))
    assert (found.before, found.after, len(found.errors)) == (Count(1, 600), Count(10, 60), 59)
    assert (len(found.increase()), found.new_kinds()) == (1, [])


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (("slow", "took 12 s in session 4f2a"), ("slow", "took 950 s in session 77ab1"), False),
        (("slow", "took 12 s"), ("slow", "other words"), True),
        (("slow", "took 12 s"), ("fast", "took 12 s"), True),
    ],
    ids=["other numbers", "other words", "another event"],
)
def test_only_another_kind_is_news(log, before, after, news):
    lines = [*OLD, json_line(-90, "WARNING", *before), json_line(5, "WARNING", *after)]
    assert bool(compare(log(lines), NOON, at(60)).new_kinds()) is news


def test_a_new_warning_is_no_new_error_even_where_nothing_is_known_of_before(log):
    fresh = [json_line(-1, "INFO"), json_line(5, "WARNING", "slow", "took 12 s")]
    again = [json_line(second) for second in (6, 7, 8)]
    assert compare(log(fresh), NOON, at(60)).new_errors(at(5).timestamp()) == []
    with pytest.raises(Inconclusive, match="goes back before the change"):
        compare(log([*fresh, *again]), NOON, at(60)).new_errors(at(5).timestamp())
    both = compare(log([*OLD, *fresh, *again]), NOON, at(60))
    assert [len(both.new_kinds()), [each.kind for each in both.new_errors(at(5).timestamp())]] == [2, ["new error"]]
    assert both.new_errors(at(5).timestamp(), lambda line: line.is_error) == [], "another check judges them"
    assert both.new_errors(at(8).timestamp()) == [], (
        "two of them are chance, and before the soak we ask for what nobody serves"
    )


def test_another_exception_behind_the_same_first_line_is_news(log):
    def crash(second, error):
        return [text_line(second, message="Turn failed"), "Traceback (most recent call last):", '  File "x"', error]

    crashes = (-600, "KeyError: 'a'"), (5, "KeyError: 'b'"), (6, "OSError: disk")
    lines = [*(line for each in crashes for line in crash(*each)), text_line(9, "INFO")]
    (new,) = compare(log(lines, kind="text"), NOON, at(60)).new_kinds()
    assert (new.kind, new.subject) == ("new error", "OSError")


def test_what_our_own_requests_cause_does_not_count(log):
    lines = [*OLD, json_line(1, trace_id="aa01"), json_line(2, user="ops7-user"), json_line(3, trace_id="bb")]
    foreign = ForeignLines(of_ours("aa", "ops7"))
    assert [line.trace_id for line in compare(log(lines), NOON, at(60), foreign=foreign).errors] == ["bb"]


def test_clusters_of_lines_are_not_independent_errors():
    """An unchanged service with bursts of errors: 500 comparisons; by lines 143 of them would be an increase."""
    chance, alarms = random.Random(11), 0
    for _ in range(500):
        lines, now = [], -900.0
        while (now := now + chance.expovariate(1 / 200)) < 900:
            burst = (now + chance.uniform(0, 10) for _ in range(chance.choice((1, 5, 40))))
            lines += [LogLine(at(second), "e", "ERROR", "", {}) for second in burst]
        alarms += compared("bot", lines, at(-900), NOON, at(900)).judged().verdict is Verdict.FAIL
    assert alarms <= 2
