"""Stage 21_01b, before anything is touched: the external dependency."""

import pytest

from acceptance.probes.hw_checker import RESCHEDULE
from acceptance.stages.gates import Bound
from acceptance.verdict import Inconclusive

pytestmark = [pytest.mark.stage_21_01b]


@pytest.mark.checklist("21_01b.monitor.2")
def test_hw_checker_can_be_depended_on(checker, stage_work):
    """External API health: without it the stage is left out with its flag off, and rescheduled."""
    slo = Bound(stage_work.stage.gate("latency-p95").bound).limit
    if outage := checker.outage(within_s=slo):
        raise Inconclusive(RESCHEDULE + "; ".join(outage))
