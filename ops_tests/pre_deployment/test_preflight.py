"""Pre-deployment, planning and communication: what can be computed or looked up."""

from datetime import UTC, datetime, timedelta

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.preparation.flagcheck import ticket_fault
from acceptance.stages.doctor import examine, unproved_logs
from acceptance.stages.doctor_questions import OUR_DATA
from acceptance.verdict import bad_or_blind
from fixtures.given import EvidenceBox, Run, Target
from fixtures.stages import stages


@pytest.fixture
def planned(pytestconfig: pytest.Config) -> tuple[timedelta, timedelta]:
    """The minutes that all stages of the window take together, and those of the longest rollback."""
    in_window = stages(pytestconfig).values()
    minutes = sum(stage.planned_minutes for stage in in_window)
    return timedelta(minutes=minutes), timedelta(minutes=max(stage.rollback_minutes for stage in in_window))


@pytest.mark.checklist("pre.planning.1")
def test_deployment_window_is_confirmed(
    planned: tuple[timedelta, timedelta], target: Target, run: Run, evidence: EvidenceBox
) -> None:
    """Deployment window confirmed: all stages and the longest rollback fit into the window."""
    now = datetime.now(UTC)
    window = target.window.current(now) or target.window.next(now)
    enforced = target.kind == "production" and not run.outside_window
    start = max(now, window.start) if enforced else window.start
    why_not = target.window.refusal(start, *planned)
    evidence.add(
        Evidence("text", f"window {window}", {"text": why_not or f"planned {planned[0]} from {start:%H:%M} UTC"})
    )
    assert not why_not, why_not


@pytest.mark.checklist("pre.planning.3")
def test_change_ticket_is_named(run: Run, target: Target) -> None:
    """Change ticket created: the run names it, in the tracker's form."""
    if not run.ticket and target.kind != "production":
        pytest.skip("AWAITING a change ticket: give it with --ticket; production needs one")
    fault = ticket_fault(run.ticket, datetime.now(UTC))
    assert not fault, fault


@pytest.mark.checklist("pre.technical.4", "pre.technical.5")
def test_what_the_night_needs_is_there(
    target: Target, run: Run, pytestconfig: pytest.Config, evidence: EvidenceBox
) -> None:
    """Ask all that the stages will: each address, login, right, log, metric, rule and folder, as the doctor does."""
    # A busy machine is no fault of the deployment, and our own run is no other one's.
    done = examine(target, stages(pytestconfig).values(), limit_s=60, run_id=run.id)
    asked = {"asked": done.asked, "absent": done.absent, "unproved": unproved_logs(target)}
    asked["findings"] = [str(each) for each in done.findings]
    evidence.add(Evidence("document", f"doctor, {done.seconds:.1f} s", asked))
    open_ends = [each for each in done.findings if each.kind in ("not known", OUR_DATA)]
    found = bad_or_blind([each for each in done.findings if each not in open_ends], list(map(str, open_ends)))
    assert found == [], summary(found, shown=len(found))
