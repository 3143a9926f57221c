"""Stage 21_01d, exit gate: accepts the stage, after counting that everything it depends on was verified."""

import pytest

from acceptance.finding import summary
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import Flow, NewId, Reviews, Target

from .conftest import Show

pytestmark = pytest.mark.exit_gate


@pytest.mark.checklist("21_01d.exit.1")
def test_no_errors_in_the_review_pipeline(soaked: SoakReport) -> None:
    """No errors in review pipeline."""
    result = soaked.results["pipeline-errors"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01d.exit.2")
def test_all_collaborators_are_operational(flow: Flow) -> None:
    """All collaborators operational: each did its part in every review, and says that it is healthy."""
    found = flow.weigh("21_01d.rollout.3", "21_01d.monitor.2")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.exit.3")
def test_latency_is_within_slo(soaked: SoakReport) -> None:
    """End-to-end latency <30s (p95)."""
    result = soaked.results["latency-p95"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01d.exit.4")
def test_review_submission(
    flag_on: object, reviews: Reviews, new_id: NewId, patience_s: float, target: Target, show: Show
) -> None:
    """Manual review submission tested: a student's work is reviewed, its report stored and published."""
    review = reviews.follow(reviews.submit(new_id("user"), "hw04"), patience_s, target.http_timeout_s)
    show(review)
    found = review.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.exit.4")
def test_stage_is_accepted(flag_on: object, flow: Flow) -> None:
    """Exit gate: accepted only when every line was verified."""
    verified = flow.accept("21_01d")
    assert verified, "expected lines of the checklist that were verified, found none"
