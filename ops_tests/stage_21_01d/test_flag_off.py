"""Stage 21_01d, gradual rollout: the old behaviour still works."""

import pytest

from acceptance.baseline.response_times import FEWEST
from acceptance.finding import summary
from acceptance.observe.still_stored import all_stored
from acceptance.probes.reviews.changed import unread
from acceptance.probes.reviews.result import EFFECTS, Review
from acceptance.probes.reviews.works import LEFT_OPEN
from fixtures.given import STORED, TIMES, Before, NewId, Reviews, StageWork, Store, Target

from .conftest import IN_A_ROW, REVIEWS, Show, TimeReviews

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_off")]


@pytest.fixture(scope="module")
def review(reviews: Reviews, new_id: NewId, patience_s: float, target: Target) -> Review:
    """One submission to the old, monolithic use case."""
    return reviews.follow(reviews.submit(new_id("off"), "hw03"), patience_s, target.http_timeout_s)


@pytest.mark.checklist("21_01d.rollout.1")
def test_review_is_done(review: Review, show: Show) -> None:
    """Validate with flag off: a submission is taken and reviewed."""
    show(review)
    found = review.findings()
    assert review.succeeded, summary(found)


@pytest.mark.checklist("21_01d.rollout.1")
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.replace(" ", "-"))
def test_effect_shows(effect: str, review: Review) -> None:
    """Validate with flag off: the effect is stored and logged."""
    lacks = review.lacks(effect)
    assert lacks == [], summary(lacks)


@pytest.mark.checklist("21_01d.rollout.1")
def test_new_path_is_not_at_work(review: object, stage_work: StageWork) -> None:
    """Validate with flag off: after these requests nothing shows the new path."""
    seen = stage_work.new_path.after_use()
    assert seen == set(), (
        f"expected no sign of {stage_work.new_path} with the flag off, found {sorted(seen)}: the new code is at work"
    )


@pytest.mark.checklist("21_01d.rollout.1")
def test_submissions_of_users_are_reviewed(
    several: list[Review], in_a_row: list[Review], before: Before, mongo: Store
) -> None:
    """Validate with flag off: work with a log, without one, and a second one of the same student are reviewed."""
    before.keep(REVIEWS, *several)
    before.keep(IN_A_ROW, *in_a_row)
    before.keep(STORED, all_stored(mongo))
    # What a student sends again may meet a rate limit, and what is no text or large may be refused: left open.
    again = [several[-1], *in_a_row]
    sure = [each for each in (*several[:-1], *again) if each.submitted.work not in LEFT_OPEN]
    bad = [each.task for each in sure if not (each.succeeded or (each in again and each.limited))]
    found = [*unread(several), *(each for review in sure for each in review.untold())]
    assert (bad, found) == ([], []), bad or summary(found)


@pytest.mark.checklist("21_01d.rollout.1")
def test_reviews_are_timed(time_reviews: TimeReviews, before: Before) -> None:
    """Validate with flag off: reviews that are under way at once have their result, and their times are kept."""
    times = time_reviews()
    before.keep(TIMES, *times)
    assert len(times) >= FEWEST, f"expected at least {FEWEST} reviews with a result, found {len(times)}"
