"""What is shown of a running soak."""

import io
import json
import re
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from acceptance.gates.figures import TriggerState
from acceptance.gates.measures import Gate, GateResult, Threshold
from acceptance.polling import poll
from acceptance.stages import board
from acceptance.stages.progress import GateEvaluations, SoakProgress
from acceptance.stages.watch_state import WatchState
from acceptance.verdict import Inconclusive, Verdict


def result(gate_id, value, threshold="< 2", unit="s"):
    gate = Gate(gate_id, gate_id, (), "value", "q", threshold, unit=unit)
    good = value is not None and Threshold(threshold).holds(value)
    return GateResult(gate, Verdict.PASS if good else Verdict.FAIL, value, 1, "", 0, 1)


GOOD = (result("write-errors", 0.0, "== 0", "errors"), result("checksum-failures", 0.0, "== 0"), result("p95", 0.0432))


def trigger(name, verdict=Verdict.PASS, value=0.0):
    return TriggerState(name, name, (), "> 0", "errors", value, 9, 1.0, verdict, "")


SEVEN = WatchState(1.0, 75.0, 15.0, 9, tuple(trigger(str(n)) for n in range(7)))


def test_blindness_is_counted_and_data_that_are_missing_are_told():
    assert WatchState(40.0, 75.0, 15.0).told() == "BLIND 40 s of 75 s"
    missing = trigger("b", Verdict.INCONCLUSIVE)
    watch = WatchState(30.0, 75.0, 15.0, 1, (trigger("a"), missing, replace(missing, other=True)))
    assert watch.told() == "1 triggers not fired, 1 without enough data, 1 idle"
    assert [row["state"] for row in told(watch=watch)["rows"]][-3:] == ["not fired", "no data", "idle"]


NOW = 1_764_381_853.0


def told(gates=GOOD, watch=SEVEN, elapsed=75.0, total=1200.0, fired="", planned_end=float("inf")):
    return board.status(SoakProgress("21_01c", elapsed, total, gates, watch, fired), NOW, planned_end)


def test_a_line_of_a_log_holds_every_gate_and_the_age_of_the_data():
    said = board.line(told())
    assert said.startswith("soak 21_01c 1:15/20:00  write-errors 0 errors (== 0 errors)")
    assert said.endswith("p95 0.0432 s (< 2 s)  7 triggers not fired, data 1 s old")


@pytest.mark.parametrize(("planned_s", "said"), [(1125, False), (1000, True)], ids=["as planned", "2 min late"])
def test_a_soak_that_will_end_past_its_stages_plan_says_so(planned_s, said):
    late = told(planned_end=NOW + planned_s)
    screen = io.StringIO()
    Console(file=screen, width=80).print(board.board(late))
    shown = board.line(late), screen.getvalue()
    assert ["2 min past the stage's plan" in text for text in shown] == [said, said], "in one line"


@pytest.mark.parametrize(
    ("value", "said"),
    [(2.5, "! p95 2.5 s (< 2 s)"), (None, "p95 no value (< 2 s)"), (float("nan"), "! p95 nan s (< 2 s)")],
    ids=["breach", "no data", "not a number"],
)
def test_a_breach_is_marked_and_no_data_is_said(value, said):
    gates = [result("p95", value) if value is not None else replace(result("p95", None), verdict=Verdict.INCONCLUSIVE)]
    assert said in board.line(told(gates))


def at_terminal(status, width=79, height=24):
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(board.board(json.loads(json.dumps(status))))
    return console.export_text().splitlines()


THIRTEEN = tuple(trigger(f"21_01a-a-long-name-of-a-trigger-{n}") for n in range(13))


def test_every_gate_and_trigger_fits_a_terminal_of_80_by_24_with_value_threshold_and_state():
    shown = at_terminal(told(watch=replace(SEVEN, triggers=THIRTEEN)))
    assert (len(shown) <= 23, max(map(len, shown)) < 80) == (True, True)
    assert re.search(r"soak 21_01c +1:15 of 20:00 .* 6% +ends 02:22:58 UTC", shown[0])
    assert shown[1].rstrip() == "data 1 s old, 9 evaluations"
    [row] = [each for each in shown if "p95" in each]
    assert row.split() == ["gate", "p95", "0.0432", "s", "<", "2", "s", "ok", "so", "far"]
    assert sum("fires > 0" in each and "not fired" in each for each in shown) == len(THIRTEEN)


def test_what_is_bad_comes_first_and_blindness_is_counted():
    watch = replace(SEVEN, age_s=40.0, triggers=(*SEVEN.triggers, trigger("late", Verdict.FAIL, 7.0)))
    shown = at_terminal(told(gates=(*GOOD, result("slow", 3.1)), watch=watch))
    assert shown[1].startswith("BLIND 40 s of 75 s")
    assert [each.split()[1] for each in shown[2:4]] == ["slow", "late"]


def test_a_trigger_that_fired_ends_the_line():
    assert board.line(told(fired="write failures")).endswith("TRIGGER: write failures")


def test_a_log_gets_one_line_for_each_tenth():
    tenths = board.Tenths()
    due = [second for second in range(101) if tenths.due(told(elapsed=float(second), total=100.0))]
    assert due == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_blind_look_keeps_what_was_seen_before():
    answers = iter([1.0, None, 3.0])
    blind = threading.Event()

    def judged(gate):
        value = next(answers, 3.0)
        if value is None:
            blind.set()
            raise Inconclusive("no answer")
        return result("p95", value)

    evaluations = GateEvaluations([GOOD[0].gate], judged, 0.01)
    with evaluations.running():
        assert poll(lambda: [each.value for each in evaluations.latest], lambda seen: seen == [3.0], 5) == [3.0]
    assert blind.is_set()
