"""Stage 21_01d, pre-flight checks."""

import pytest

from acceptance.stages.readiness import make_sure
from fixtures.given import EvidenceBox, StageWork, Target


@pytest.mark.checklist("21_01d.deploy.2", "21_01d.rollout.2")
def test_stage_can_be_switched_and_watched(target: Target, stage_work: StageWork, evidence: EvidenceBox) -> None:
    """Deploy and enable feature flag: the env file can be switched, and what the stage sees by answers."""
    answered = make_sure(target, stage_work.stage, evidence.add)
    assert "PROMETHEUS_URL" in answered
