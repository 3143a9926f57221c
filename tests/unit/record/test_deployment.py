"""Several runs as one deployment: which try of a stage decides, and what of the others is not forgotten."""

import pytest

from acceptance.events import Event
from acceptance.kinds import StageAccepted
from acceptance.record.build import build
from acceptance.record.deployment import Deployment
from acceptance.verdict import Outcome, Verdict

A, B = "21_01a", "21_01b"


def log(run_id, *events, at="2026-11-28T02:00:00+00:00"):
    """A run's events; of a check ``(stage, phase, verdict)`` is enough."""
    told = [("run.started", {"run_id": run_id, "mode": "deploy"})]
    checks = [event for event in events if len(event) == 3]
    told.append(("checks.expected", {"checks": [{"nodeid": nodeid(*each[:2])} for each in checks]}))
    for event in events:
        told.append(checked(*event) if len(event) == 3 else event)
    told.append(("run.finished", {"outcome": "GO", "reasons": [], "exit_code": 0}))
    return tuple(Event(seq, at, kind, data, "", "") for seq, (kind, data) in enumerate(told))


def nodeid(stage, phase):
    folder = f"stage_{stage}" if stage.startswith("21_") else stage
    return f"ops_tests/{folder}/test_{phase}.py::test_it"


def checked(stage, phase, verdict):
    item = f"{stage}.rollout.2" if phase == "flag_on" else "post.validation.1"
    facts = {"nodeid": nodeid(stage, phase), "stage": stage, "phase": phase, "items": [item], "title": "It"}
    return "check.finished", facts | {"verdict": verdict, "reason": "", "seconds": 1}


def begun(stage):
    return "stage.started", {"stage": stage, "flag": f"USE_{stage}" * stage.startswith("21_"), "planned_minutes": 1}


def switched(stage, value="true"):
    return "flag.changing", {"stage": stage, "flag": f"USE_{stage}", "value": value}


def ended(stage, verdict="PASS", kept=True, times=3):
    return "stage.finished", {"stage": stage, "verdict": verdict, "reason": "", "kept": kept, "evaluations": times}


def undone(stage):
    start = "rollback.started", {"stage": stage, "reason": "why"}
    return [start, ("rollback.finished", {"stage": stage, "ok": True, "account": "", "by_hand": []})]


def good(stage, run_id, **when):
    accepted = "stage.accepted", {"stage": stage}
    return log(run_id, begun(stage), switched(stage), (stage, "flag_on", "PASS"), accepted, ended(stage), **when)


def bad(stage, run_id, **when):
    failed = (stage, "flag_on", "FAIL"), *undone(stage), ended(stage, "FAIL", kept=False)
    return log(run_id, begun(stage), switched(stage), *failed, **when)


AFTER = log("after", begun("post_deployment"), ("post_deployment", "validation", "PASS"), ended("post_deployment"))


def test_each_stage_is_judged_by_the_run_that_it_was_in():
    both = Deployment((good(A, "first"), bad(B, "second"), AFTER))
    assert (both.seen(f"{A}.rollout.2"), both.seen(f"{B}.rollout.2")) == ({Verdict.PASS}, {Verdict.FAIL})
    assert (len(both.about(A, StageAccepted)), len(both.about(B, StageAccepted))) == (1, 0)
    assert both.of("21_01c") == ()
    assert both.extent == "this run and first, second"


def test_last_try_of_a_stage_decides_and_no_rollback_is_forgotten():
    twice = Deployment((bad(A, "first"), good(A, "second"), AFTER))
    assert twice.seen(f"{A}.rollout.2") == {Verdict.PASS}
    assert [begun.stage for begun in twice.rollbacks()] == [A]


def test_try_that_did_not_get_to_the_flag_does_not_replace_one_that_did():
    """A preflight that is run once more says nothing of a stage that is on."""
    looked = log("second", begun(A), (A, "preflight", "FAIL"), ended(A, "FAIL", kept=False, times=None))
    assert Deployment((good(A, "first"), looked, AFTER)).evaluations(A) == 3
    assert Deployment((looked, AFTER)).evaluations(A) is None


def test_flag_that_was_to_go_off_is_no_try():
    off = log("second", begun(A), switched(A, "false"), ended(A, kept=False, times=None))
    assert Deployment((good(A, "first"), off)).evaluations(A) == 3


def test_run_without_a_ticket_is_its_own_deployment():
    alone = Deployment((good(A, "first"),))
    assert (alone.extent, alone.evaluations(A)) == ("this run, which knows of no earlier one with its ticket", 3)


@pytest.mark.parametrize(("first", "outcome"), [(good, Outcome.GO), (bad, Outcome.NO_GO)], ids=["good", "bad"])
def test_record_of_all_runs_is_as_good_as_its_stages(first, outcome):
    record = build(Deployment((first(A, "first"), good(B, "second"), AFTER)).as_one())
    assert (record.outcome, [stage.id for stage in record.stages]) == (outcome, [A, B, "post_deployment"])


def test_record_of_all_runs_has_the_good_try_and_the_rollback_before_it():
    record = build(Deployment((bad(A, "first"), good(A, "second"), AFTER)).as_one())
    assert (record.outcome, record.counts) == (Outcome.GO, {"PASS": 2})
    assert [(each.stage, each.ok) for each in record.rollbacks] == [(A, True)]


def test_deployment_begins_with_its_first_stage_not_with_friday():
    friday = log("friday", begun("pre_deployment"), ended("pre_deployment"), at="2026-11-27T10:00:00+00:00")
    whole = Deployment((friday, good(A, "first"), AFTER))
    assert whole.began == "2026-11-28T02:00:00+00:00"
    assert build(whole.as_one()).facts.started_at == "2026-11-28T02:00:00+00:00"


def test_run_in_hand_goes_on():
    now = Deployment((good(A, "first"), AFTER[:2])).until(AFTER)
    assert (now.seen("post.validation.1"), len(now.runs)) == ({Verdict.PASS}, 2)
