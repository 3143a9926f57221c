"""Stage 21_01b, monitor for 10 minutes."""

import pytest

from acceptance.baseline.response_times import slower
from acceptance.finding import summary
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import TIMES, Before, EvidenceBox, FlagState, HwChecker, StageWork, Timed

pytestmark = pytest.mark.soak


@pytest.mark.checklist("21_01b.monitor.1")
@pytest.mark.parametrize("gate_id", ["hw-checker-errors", "latency-p95"])
def test_gate_holds(gate_id: str, soaked: SoakReport, evidence: EvidenceBox) -> None:
    """Prometheus metrics: the gate holds over the soak."""
    result = soaked.results[gate_id]
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01b.monitor.1")
def test_every_request_of_the_soak_was_good(soaked: SoakReport) -> None:
    """Prometheus metrics: what the counters say is true, each list was whole and each review appeared."""
    assert soaked.findings == [], summary(soaked.findings)
    assert soaked.sent > 0, "expected requests of ours in the soak, found none"


@pytest.mark.checklist("21_01b.monitor.2")
def test_hw_checker_is_healthy(soaked: object, checker: HwChecker) -> None:
    """External API health: {"status":"ok"}."""
    found = checker.health_findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1", "trigger.2")
def test_latency_is_at_most_twice_the_baseline(time_requests: Timed, before: Before, stage_work: StageWork) -> None:
    """Latency >2x baseline: the same requests take at most twice as long as with the flag off."""
    found = slower(stage_work.service.name, before.all(TIMES), time_requests(), time_requests)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1", "21_01b.exit.1")
def test_no_new_errors_in_the_log(
    flag_on: FlagState, soaked: SoakReport, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Prometheus metrics, beside them the log: no errors come again and again that were not there before."""
    level = stage_work.log_compared(flag_on)
    evidence.add(level.evidence())
    found = level.new_errors(soaked.start)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1", "trigger.4")
def test_log_is_as_with_the_flag_off(flag_on: FlagState, soaked: object, stage_work: StageWork) -> None:
    """Prometheus metrics, beside them the log: our requests stand there as with the flag off, and no secret does."""
    found = stage_work.log_findings(flag_on)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1", "trigger.5")
def test_service_ran_through(soaked: object, stage_work: StageWork) -> None:
    """Services restart only when they are told to: since flag-on neither this one did, nor any other."""
    found = stage_work.restarted_unasked()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1")
def test_metrics_keep_to_the_label_standard(soaked: SoakReport, stage_work: StageWork) -> None:
    """Prometheus metrics: each operation is counted and timed, and no label is an id."""
    found = stage_work.metric_findings(soaked, ("list_commits", "request_review"))
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.monitor.1")
def test_requests_leave_nothing_behind(soaked: SoakReport, stage_work: StageWork) -> None:
    """Prometheus metrics: neither open files nor memory grow with the requests of the soak."""
    found = stage_work.grown(soaked)
    assert found == [], summary(found)
