"""Stage 21_01d, gradual rollout: the decomposed use case."""

import pytest

from acceptance.finding import summary
from acceptance.observe.still_stored import lost_documents
from acceptance.polling import poll
from acceptance.probes.flag_path import answered
from acceptance.probes.reviews.changed import changed, overtaken, redone, refused_now, told_early
from acceptance.probes.reviews.over_restart import OverRestart, lost_now
from acceptance.probes.reviews.pipeline import DURATIONS, component_findings, counted
from acceptance.probes.reviews.result import EFFECTS, Review
from fixtures.given import STORED, Before, Caller, FlagState, NewId, Prometheus, Reviews, StageWork, Store, Target

from .conftest import IN_A_ROW, LOST, REVIEWS, Show

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_on")]


@pytest.fixture(scope="module")
def flag_on(stage_work: StageWork, over_restart: OverRestart) -> FlagState:
    """The flag is switched on while students submit."""
    with over_restart.submitting():
        return stage_work.flag(True)


@pytest.fixture(scope="module")
def review(flag_on: object, reviews: Reviews, new_id: NewId, patience_s: float, target: Target) -> Review:
    """One submission to the new use case."""
    return reviews.follow(reviews.submit(new_id("on"), "hw04"), patience_s, target.http_timeout_s)


@pytest.mark.checklist("21_01d.rollout.2")
def test_flag_change_restarted_the_worker(flag_on: FlagState) -> None:
    """Enable feature flag: the process that runs now started after the change."""
    restarted = flag_on.switched()
    assert restarted, "the flag was on already: nothing was switched"
    assert restarted.proved, f"expected a process that started after the change, found {restarted}"


@pytest.mark.checklist("21_01d.rollout.2", "21_01d.rollout.3")
def test_review_is_counted_by_the_new_use_case(review: Review, prometheus: Prometheus, stage_work: StageWork) -> None:
    """Enable feature flag: only the new use case counts its reviews, so the flag is really read."""
    job, patience = stage_work.service.job, stage_work.target.scrape_patience_s
    seen = poll(lambda: counted(prometheus, job), bool, patience)
    assert seen >= 1, (
        f"the flag has no effect: expected a review in {prometheus.own(DURATIONS)} of {job}, found {seen:g}: "
        f"the old use case is still at work; {answered(review.findings())}"
    )


@pytest.mark.checklist("21_01d.rollout.2")
def test_work_is_not_lost_over_the_restart(
    flag_on: FlagState, over_restart: OverRestart, before: Before, patience_s: float
) -> None:
    """Enable feature flag: what students submit while the worker restarts is reviewed, if the old path did so."""
    flag_on.switched()
    [old] = before.of(LOST)
    found = lost_now(old, over_restart.lost(2 * patience_s))  # how quick it is, others ask
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.rollout.2", "21_01d.rollout.3")
def test_new_path_is_at_work(review: Review, stage_work: StageWork) -> None:
    """Enable feature flag: what only the new use case does is seen after our requests."""
    assert stage_work.new_path.appears(), (
        f"the flag has no effect: expected {stage_work.new_path}, found nothing; {answered(review.findings())}"
    )


@pytest.mark.checklist("21_01d.monitor.2")
def test_components_are_healthy_before_the_soak(worker: Caller) -> None:
    """Component health: asked first, so that nobody watches a broken pipeline for 15 minutes."""
    found = component_findings(worker)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.rollout.3")
def test_review_is_done(review: Review, show: Show) -> None:
    """Smoke test with flag on: a submission is taken and reviewed."""
    show(review)
    found = review.findings()
    assert review.succeeded, summary(found)


@pytest.mark.checklist("21_01d.rollout.3")
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.replace(" ", "-"))
def test_component_executed(effect: str, review: Review) -> None:
    """Verify all components executed: the effect is stored, and the structured log has its event."""
    lacks = review.lacks(effect)
    assert lacks == [], summary(lacks)


@pytest.mark.checklist("21_01d.rollout.3")
def test_reviews_are_as_with_the_flag_off(before: Before, several: list[Review], in_a_row: list[Review]) -> None:
    """Smoke test with flag on: the same work comes to the same as by the old path, and no field is lost."""
    # The second one of its student may be refused: how many may be sent is left open.
    compared = several[:-1] if several[-1].limited else several
    found = [each for review in compared for each in changed(before.of(REVIEWS), review)]
    old = before.of(IN_A_ROW)
    found += [each for review in in_a_row if not review.limited for each in changed(old, review)]
    found += [*refused_now(in_a_row), *overtaken(old, in_a_row), *told_early(before.of(REVIEWS), several)]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01d.rollout.2")
def test_reviews_of_before_are_as_they_were(before: Before, reviews: Reviews, mongo: Store) -> None:
    """Enable feature flag: what was reviewed with the flag off is still there, and not done again by the restart."""
    lost = lost_documents(mongo, before.of(STORED)[0])
    old = [*before.of(REVIEWS), *before.all(IN_A_ROW)]
    found = [*lost, *redone(old, [reviews.stored(each.submitted) for each in old])]
    assert found == [], summary(found)
