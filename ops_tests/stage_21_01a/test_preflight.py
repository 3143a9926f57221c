"""Stage 21_01a, pre-flight checks."""

import pytest

from acceptance.stages.readiness import make_sure
from fixtures.given import Ask, EvidenceBox, StageWork, Target


@pytest.mark.checklist("21_01a.deploy.3", "21_01a.rollout.2")
def test_stage_can_be_switched_and_watched(target: Target, stage_work: StageWork, evidence: EvidenceBox) -> None:
    """Deploy and enable feature flag: the env file can be switched, and what the stage sees by answers."""
    answered = make_sure(target, stage_work.stage, evidence.add)
    assert "PROMETHEUS_URL" in answered


@pytest.mark.signoff
@pytest.mark.checklist("21_01a.preflight.1")
def test_characterization_tests_passed_in_staging(signoff: Ask) -> None:
    """Characterization tests pass in production environment (staging)."""
    assert signoff("21_01a.preflight.1").name


@pytest.mark.signoff
@pytest.mark.checklist("21_01a.preflight.2")
def test_rollback_plan_is_reviewed(signoff: Ask) -> None:
    """Rollback plan reviewed."""
    assert signoff("21_01a.preflight.2").name
