"""How a stage ends when two see at once that it must, and what is made of the checks that it has seen."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from acceptance.stage import Stage
from acceptance.stages.flow import Flow
from acceptance.verdict import Inconclusive, Verdict


class Recorder:
    """Stands in for the conductor and the event log."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def rollback(self, stage: str, reason: str) -> None:
        self.calls.append(("rollback", stage, reason))

    def end_stage(self, stage: str) -> bool:
        self.calls.append(("end_stage", stage))
        return False

    def append(self, kind: str, **_: Any) -> None:
        self.calls.append((kind,))


class WatchThatFires:
    """A watch whose trigger fires while it is being stopped: its thread ends only once it was heard."""

    def __init__(self, flow: Flow) -> None:
        self._thread = threading.Thread(target=flow.end, args=("21_01a", Verdict.FAIL, "trigger"), daemon=True)

    def cancel(self) -> None:
        """Take note only."""

    def close(self) -> None:
        self._thread.start()
        self._thread.join(5)
        assert not self._thread.is_alive(), "the watch waits for the one who waits for it"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def flow_of(recorder: Recorder, **stage: Any) -> Flow:
    return Flow({"21_01a": Stage("21_01a", "t", 1, flag="F", **stage)}, {}, recorder, recorder)


def test_a_trigger_that_fires_while_a_failed_check_ends_the_stage_does_not_block_it(recorder: Recorder) -> None:
    flow = flow_of(recorder)
    flow.stage("21_01a").work = WatchThatFires(flow)
    flow.end("21_01a", Verdict.FAIL, "check")
    assert recorder.calls == [("rollback", "21_01a", "check")]
    assert flow.stage("21_01a").ended == "check"


@pytest.mark.parametrize("act", ["end", "leave"])
def test_no_undo_waits_for_an_evaluation_in_progress(recorder: Recorder, act: str) -> None:
    """A slow Prometheus may hold an evaluation for minutes."""

    class SlowWatch:
        watch, triggers = None, ()

        def cancel(self) -> None:
            recorder.calls.append(("cancel",))

        def close(self) -> None:
            recorder.calls.append(("joined",))

    flow = flow_of(recorder)
    flow.stage("21_01a").work = SlowWatch()
    flow.end("21_01a", Verdict.FAIL, "check") if act == "end" else flow.leave("21_01a")
    undone = "rollback" if act == "end" else "end_stage"
    assert [call[0] for call in recorder.calls][:3] == ["cancel", undone, "joined"]


def test_a_stage_may_depend_on_one_that_is_not_there(recorder: Recorder) -> None:
    assert flow_of(recorder, depends_on=("21_00",)).enter("21_01a") == ""


def test_a_stage_without_a_flag_goes_on_after_a_bad_check_and_nothing_builds_on_it(recorder: Recorder) -> None:
    stages = {"21_00": Stage("21_00", "t", 1), "21_01a": Stage("21_01a", "t", 2, flag="F", depends_on=("21_00",))}
    flow = Flow(stages, {}, recorder, recorder)
    flow.note("21_00", "test_targets", [], Verdict.FAIL, "butler-api is down")
    assert flow.enter("21_00") == ""
    assert "21_00, on which it depends, is not good: FAIL: test_targets: butler-api is down" in flow.enter("21_01a")


def test_whether_a_stage_still_fits_is_asked_when_it_is_its_turn(recorder: Recorder) -> None:
    late: dict[str, str] = {}
    stages = {"21_01a": Stage("21_01a", "t", 1, flag="F"), "21_01c": Stage("21_01c", "t", 2, flag="F")}
    flow = Flow(stages, {}, recorder, recorder, lambda stage: late.get(stage.id))
    assert flow.enter("21_01a") == ""
    late["21_01c"] = "window: it is 05:30"
    assert flow.enter("21_01c") == "window: it is 05:30"
    assert flow.stage("21_01c").ended_as is Verdict.NOT_RUN


def flow_that_saw(recorder: Recorder, *verdicts: Verdict) -> Flow:
    flow = flow_of(recorder)
    for number, verdict in enumerate(verdicts):
        flow.note("21_01a", f"test_{number}", ["21_01a.rollout.2"], verdict, "")
    return flow


def test_an_item_is_good_by_its_other_checks_where_one_was_skipped(recorder: Recorder) -> None:
    """A digest that need not be declared is no reason to roll back a good deployment."""
    assert flow_that_saw(recorder, Verdict.PASS, Verdict.SKIPPED).weigh("21_01a.rollout.2") == []


@pytest.mark.parametrize("seen", [(), (Verdict.SKIPPED,), (Verdict.PASS, Verdict.INCONCLUSIVE), (Verdict.NOT_RUN,)])
def test_an_item_that_nobody_saw_to_be_good_is_inconclusive(recorder: Recorder, seen: tuple[Verdict, ...]) -> None:
    with pytest.raises(Inconclusive, match=r"not verified in this run: 21_01a\.rollout\.2"):
        flow_that_saw(recorder, *seen).weigh("21_01a.rollout.2")


def test_an_item_that_was_found_bad_is_named(recorder: Recorder) -> None:
    found = flow_that_saw(recorder, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL).weigh("21_01a.rollout.2")
    assert [each.subject for each in found] == ["21_01a.rollout.2"]


def test_survey_stops_at_nothing(recorder: Recorder) -> None:
    stages = {name: Stage(name, "t", 1, flag="F", depends_on=needs) for name, needs in (("a", ()), ("b", ("a",)))}
    flow = Flow(stages, {}, recorder, recorder, lambda _: "too late", stops=False)
    assert flow.enter("a") == ""
    flow.note("a", "t::one", [], Verdict.FAIL, "bad")
    flow.end("a", Verdict.FAIL, "trigger")
    assert (flow.enter("a"), flow.enter("b")) == ("", "")
    assert [call for call in recorder.calls if call[0] == "rollback"] == []
