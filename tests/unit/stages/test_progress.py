"""What is shown of a running soak."""

import threading

import pytest

from acceptance.gates.figures import TriggerState
from acceptance.gates.measures import Gate, GateResult, Threshold
from acceptance.polling import poll
from acceptance.stages.progress import GateEvaluations, SoakProgress, Tenths, line, short_line, shown
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
    assert WatchState(30.0, 75.0, 15.0, 1, (trigger("a"), trigger("b", Verdict.INCONCLUSIVE))).told() == (
        "1 triggers not fired, 1 without data"
    )


def test_value_stands_beside_its_bound():
    assert shown(result("p95", 0.0432)) == "p95 0.0432 (< 2 s)"


def test_a_breach_is_marked_and_no_data_is_said():
    assert (shown(result("p95", 2.5)), shown(result("p95", None))) == ("! p95 2.5 (< 2 s)", "p95 no data (< 2 s)")


def test_not_a_number_is_a_breach():
    assert shown(result("p95", float("nan"))).startswith("! ")


def test_log_line_holds_every_gate():
    said = line(SoakProgress("21_01c", 75, 1200, GOOD, SEVEN))
    assert said.startswith("soak 21_01c 1:15/20:00  write-errors 0 (== 0 errors)")
    assert said.endswith("p95 0.0432 (< 2 s)  7 triggers not fired")


@pytest.mark.parametrize("width", [20, 40, 79, 120])
def test_terminal_line_never_exceeds_its_width(width):
    assert len(short_line(SoakProgress("21_01c", 75, 1200, GOOD, SEVEN), width)) <= width


def test_gates_that_do_not_fit_together_take_turns():
    lines = [short_line(SoakProgress("21_01c", 75, 1200, GOOD, SEVEN), 79, turn) for turn in range(3)]
    assert all(any(gate.gate.id in each for each in lines) for gate in GOOD)


def test_a_breach_always_shows():
    look = SoakProgress("21_01c", 75, 1200, (*GOOD, result("write-latency", 3.1)), SEVEN)
    assert all("! write-latency 3.1" in short_line(look, 79, turn) for turn in range(3))


def test_a_trigger_that_fired_is_said_instead_of_quiet():
    assert short_line(SoakProgress("21_01c", 5, 9, fired="write failures"), 79).endswith("TRIGGER: write failures")


def test_a_log_gets_one_line_for_each_tenth():
    tenths = Tenths()
    due = [second for second in range(101) if tenths.due(SoakProgress("s", second, 100))]
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
