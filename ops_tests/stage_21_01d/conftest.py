"""What the checks of stage 21_01d share: the review pipeline as a student sees it, and the soak."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.gates.measures import Threshold
from acceptance.probes.reviews.over_restart import OverRestart
from acceptance.probes.reviews.result import Review
from acceptance.probes.reviews.traffic import ReviewTraffic
from acceptance.stages.soak import SoakReport
from acceptance.stages.user_triggers import HardFault
from fixtures.given import Before, Clients, EvidenceBox, Found, NewId, Reviews, StageWork, Target

Show = Callable[[Review], None]
TimeReviews = Callable[[], list[float]]

REVIEWS = Found[Review]("reviews")
IN_A_ROW = Found[Review]("in a row")
LOST = Found[list[Finding] | None]("lost over a restart")

# Each submission of ours is the first of its student and has a log to analyse: one of these is no chance.
UNEXPECTED_LIMIT = HardFault(
    "unexpected-429", "A first submission is refused by the rate limit", ["trigger.6"], limit=0
)
NO_LOG_ANALYSIS = HardFault("no-log-analysis", "A report has no log analysis", ["trigger.6"], limit=0)
NOT_PUBLISHED = HardFault("not-published", "A report is not published", ["trigger.6"], limit=0)
BAD_REVIEWS = HardFault("bad-reviews", "Submissions are not reviewed as they should be", ["trigger.6"], limit=2)

SENT_IN_A_ROW = 8
"""Submissions of a student who sends again and again; nothing says how many may be sent, so the old path does."""

TIMES_THE_SLO = 3
"""How long a review is waited for: a slow one must be told from one that is lost."""


@pytest.fixture(scope="module")
def patience_s(stage_work: StageWork) -> float:
    """Seconds within which a review must end."""
    return TIMES_THE_SLO * Threshold(stage_work.stage.gate("latency-p95").threshold).limit


@pytest.fixture(scope="module")
def several(
    reviews: Reviews, clients: Clients, new_id: NewId, new_number: NewId, patience_s: float, target: Target
) -> list[Review]:
    """Submissions as users make them, by the path that is at work, and what the API says of each."""
    return reviews.as_users_do(new_id, new_number, patience_s, target.http_timeout_s, clients.caller("api"))


@pytest.fixture(scope="module")
def in_a_row(reviews: Reviews, new_id: NewId, before: Before, patience_s: float, target: Target) -> list[Review]:
    """Submissions in a row of one student: with the flag on as many as the old path took."""
    taken = [review for review in before.all(IN_A_ROW) if not review.limited]
    number = len(taken) or SENT_IN_A_ROW
    return reviews.in_a_row(new_id("Again"), number, patience_s, target.http_timeout_s)


@pytest.fixture(scope="module")
def over_restart(reviews: Reviews, new_id: NewId) -> OverRestart:
    """Students who submit while the worker restarts."""
    return OverRestart.of(reviews, new_id)


@pytest.fixture(scope="module")
def time_reviews(reviews: Reviews, new_id: NewId, patience_s: float, target: Target) -> TimeReviews:
    """Has a few reviews done at once, by the path that is at work, and gives the seconds of each good one.

    A worker that looks for work now and then makes all of them wait alike, by when they happen to be sent. So they are
    sent when it has just looked, by either path: as soon as one before them has ended.
    """

    def measure() -> list[float]:
        burst = ReviewTraffic(reviews, new_id, patience_s, settle_s=target.http_timeout_s)
        burst.send()
        first = len(burst.finish())
        for _ in range(burst.at_once):
            burst.send()
        return [review.seconds for review in burst.finish()[first:] if review.succeeded and review.seconds is not None]

    return measure


@pytest.fixture(scope="module")
def traffic(reviews: Reviews, new_id: NewId, patience_s: float, target: Target) -> ReviewTraffic:
    """The soak's submissions."""
    return ReviewTraffic(reviews, new_id, patience_s, settle_s=target.http_timeout_s)


@pytest.fixture(scope="module")
def soaked(flag_on: object, stage_work: StageWork, traffic: ReviewTraffic) -> SoakReport:
    """The stage after its full soak, with a few reviews under way at a time."""
    bad = 0

    def one_submission() -> list[Finding]:
        nonlocal bad
        wrong: list[Finding] = []
        for review in traffic.send():
            found = review.findings()
            bad = bad + 1 if found else 0
            UNEXPECTED_LIMIT.check(stage_work, int(review.limited), found)
            NO_LOG_ANALYSIS.check(stage_work, int(review.succeeded and not review.analysed), found)
            NOT_PUBLISHED.check(stage_work, int(review.succeeded and not review.published), found)
            BAD_REVIEWS.check(stage_work, bad, found)
            wrong += found
        return wrong

    return stage_work.soak(one_submission)


@pytest.fixture
def show(evidence: EvidenceBox) -> Show:
    """Puts a review, and what was stored and logged of it, into the record."""

    def add(review: Review) -> None:
        evidence.add(Evidence("http", "submission", review.submitted.as_json()))
        evidence.add(Evidence("document", f"review {review.submitted.task_id}", review.as_json()))

    return add
