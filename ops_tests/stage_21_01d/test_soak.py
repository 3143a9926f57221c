"""Stage 21_01d, monitor for 15 minutes."""

import pytest

from acceptance.baseline.response_times import slower
from acceptance.finding import summary
from acceptance.probes.reviews.changed import changed
from acceptance.probes.reviews.pipeline import component_findings
from acceptance.probes.reviews.traffic import ReviewTraffic, end_to_end
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import TIMES, Before, Caller, EvidenceBox, FlagState, StageWork

from .conftest import REVIEWS, TimeReviews

pytestmark = pytest.mark.soak
UNNOTICED_S = 0.5
"""What is shorter counts as this: a review is done behind the student's back, and has 30 s (21_01d.exit.3)."""


@pytest.mark.checklist("21_01d.monitor.1", "21_01d.exit.3")
def test_reviews_end_in_time(
    soaked: object, traffic: ReviewTraffic, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Prometheus metrics: what they cannot see, the time in the queue, is within the SLO too (p95, end to end)."""
    result = end_to_end(stage_work.stage.gate("latency-p95"), traffic.finish())
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01d.monitor.1")
@pytest.mark.parametrize("gate_id", ["pipeline-errors", "latency-p95", "rate-limit-hits"])
def test_gate_holds(gate_id: str, soaked: SoakReport, evidence: EvidenceBox) -> None:
    """Prometheus metrics: the gate holds over the soak."""
    result = soaked.results[gate_id]
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01d.monitor.1")
def test_every_review_of_the_soak_was_good(soaked: SoakReport, traffic: ReviewTraffic, before: Before) -> None:
    """Prometheus metrics: what the counters say is true, each review was analysed, stored and published."""
    old = before.all(REVIEWS)
    found = [fault for review in traffic.finish() for fault in review.findings()]
    found += [each for review in traffic.done if not review.findings() for each in changed(old, review)]
    assert (len(traffic.done), found) == (soaked.sent, []), summary(found)


@pytest.mark.checklist("21_01d.monitor.2")
def test_components_are_healthy(soaked: object, worker: Caller) -> None:
    """Component health: RateLimiter, LogAnalysisPipeline, ReportPublisher all healthy."""
    found = component_findings(worker)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1", "trigger.2")
def test_reviews_take_at_most_twice_the_baseline(soaked: object, time_reviews: TimeReviews, before: Before) -> None:
    """Latency >2x baseline: reviews under way at once take at most twice as long as with the flag off."""
    found = slower("reviews", before.all(TIMES), time_reviews(), time_reviews, UNNOTICED_S)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1", "21_01d.exit.1")
def test_no_new_errors_in_the_log(
    flag_on: FlagState, soaked: SoakReport, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Prometheus metrics, beside them the log: no errors come again and again that were not there before."""
    level = stage_work.log_compared(flag_on)
    evidence.add(level.evidence())
    found = level.new_errors(soaked.start)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1", "trigger.4")
def test_log_is_as_with_the_flag_off(flag_on: FlagState, soaked: object, stage_work: StageWork) -> None:
    """Prometheus metrics, beside them the log: our requests stand there as with the flag off, and no secret does."""
    found = stage_work.log_findings(flag_on)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1", "trigger.5")
def test_service_ran_through(soaked: object, stage_work: StageWork) -> None:
    """Services restart only when they are told to: since flag-on neither this one did, nor any other."""
    found = stage_work.restarted_unasked()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1")
def test_metrics_keep_to_the_label_standard(soaked: SoakReport, stage_work: StageWork) -> None:
    """Prometheus metrics: each operation is counted and timed, and no label is an id."""
    found = stage_work.metric_findings(soaked, ())
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.monitor.1")
def test_requests_leave_nothing_behind(soaked: SoakReport, stage_work: StageWork) -> None:
    """Prometheus metrics: neither open files nor memory grow with the requests of the soak."""
    found = stage_work.grown(soaked)
    assert found == [], summary(found)
