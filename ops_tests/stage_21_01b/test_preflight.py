"""Stage 21_01b, pre-flight checks: the stage itself, and the external dependency."""

import pytest

from acceptance.gates.measures import Threshold
from acceptance.stages.readiness import make_sure
from fixtures.given import EvidenceBox, HwChecker, StageWork, Target


@pytest.mark.checklist("21_01b.deploy.2", "21_01b.rollout.2")
def test_stage_can_be_switched_and_watched(target: Target, stage_work: StageWork, evidence: EvidenceBox) -> None:
    """Deploy and enable feature flag: the env file can be switched, and what the stage sees by answers."""
    answered = make_sure(target, stage_work.stage, evidence.add)
    assert "PROMETHEUS_URL" in answered


@pytest.mark.checklist("21_01b.monitor.2")
def test_hw_checker_can_be_depended_on(checker: HwChecker, stage_work: StageWork) -> None:
    """External API health: without it the stage is left out with its flag off, and rescheduled."""
    slo = Threshold(stage_work.stage.gate("latency-p95").threshold).limit
    took = checker.dependable(within_s=slo)
    assert took < slo
