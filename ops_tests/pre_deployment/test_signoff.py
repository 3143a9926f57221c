"""Pre-deployment: what only a person can confirm."""

from datetime import UTC, datetime

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.preparation.drills import drill_findings, last_drills
from fixtures.given import Ask, EvidenceBox, Run, Target

pytestmark = pytest.mark.signoff


@pytest.mark.checklist("pre.planning.2")
def test_stakeholders_are_notified(signoff: Ask) -> None:
    """Stakeholders notified (ops chat #ops-shared, email to tech leads)."""
    assert signoff("pre.planning.2").name


@pytest.mark.checklist("pre.planning.4")
def test_rollback_authority_is_assigned(signoff: Ask) -> None:
    """Rollback authority assigned (EP21 Tech Lead or designated on-call engineer)."""
    assert signoff("pre.planning.4").name


@pytest.mark.checklist("pre.planning.5")
def test_emergency_contacts_are_up_to_date(signoff: Ask) -> None:
    """Emergency contact list updated (phone numbers, escalation matrix)."""
    assert signoff("pre.planning.5").name


@pytest.mark.checklist("pre.technical.2")
def test_rollback_drill_is_done(signoff: Ask, run: Run, target: Target, evidence: EvidenceBox) -> None:
    """Rollback drill completed (tested in staging, timing documented): each stage's record; without any, a person."""
    now, drills = datetime.now(UTC), last_drills(run.folder.parent)
    if not drills:
        assert signoff("pre.technical.2").name
        return
    evidence.add(Evidence("text", "drills in staging", {"text": "\n".join(each.told(now) for each in drills.values())}))
    found = drill_findings(drills, target.flags, now)
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.6")
def test_ci_pipeline_is_green(signoff: Ask) -> None:
    """CI pipeline green (all tests pass on main branch)."""
    assert signoff("pre.technical.6").name


@pytest.mark.checklist("pre.technical.8", "pre.technical.9")
def test_operations_guide_is_up_to_date(signoff: Ask) -> None:
    """Documentation updated: docs/specs/operations.md reflects new services."""
    assert signoff("pre.technical.9").name


@pytest.mark.checklist("pre.technical.8", "pre.technical.10")
def test_readme_is_up_to_date(signoff: Ask) -> None:
    """Documentation updated: README.md has the Epic 21 changes."""
    assert signoff("pre.technical.10").name


@pytest.mark.checklist("pre.technical.8", "pre.technical.11")
def test_runbooks_are_up_to_date(signoff: Ask) -> None:
    """Documentation updated: runbooks (if monitoring changes)."""
    assert signoff("pre.technical.11").name
