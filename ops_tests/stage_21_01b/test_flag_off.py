"""Stage 21_01b, gradual rollout: the old behaviour still works."""

from collections.abc import Sequence

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.homework.lists import Lists
from acceptance.probes.homework.traffic import reviewable
from acceptance.probes.homework.worker import Listing, Requested
from acceptance.probes.odd_requests import odd_findings
from acceptance.probes.traffic import Probe
from fixtures.given import Answers, Before, EvidenceBox, Homework, HwChecker, StageWork, Target

from .conftest import LISTS, REVIEW_REQUEST

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_off")]


@pytest.fixture(scope="module")
def listing(homework: Homework, student: str) -> Listing:
    """What the old client lists."""
    return homework.listing(student)


@pytest.fixture(scope="module")
def requested(homework: Homework, checker: HwChecker, student: str, target: Target) -> Requested:
    """A review of the student's newest commit, asked for by the old client."""
    newest = reviewable(checker.checks(DAYS), student)[0]
    return homework.request_review(checker, newest, patience_s=target.http_timeout_s)


@pytest.mark.checklist("21_01b.rollout.1")
def test_commits_are_listed(listing: Listing, evidence: EvidenceBox) -> None:
    """Validate with flag off: lists commits, old HWCheckerClient path."""
    evidence.add(Evidence("http", "list", listing.exchange.as_json()))
    found = listing.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.1")
def test_list_is_what_the_hw_checker_knows(listing: Listing, checker: HwChecker, student: str) -> None:
    """Validate with flag off: no commit is missing, none is another's."""
    checks = checker.checks(DAYS + 1)
    assert reviewable(checks, student)  # else an empty list would prove nothing
    found = [*listing.lost(checks), *listing.foreign(checks)]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.1")
def test_review_is_requested(requested: Requested, evidence: EvidenceBox, before: Before) -> None:
    """Validate with flag off: a review can be requested, and the HW checker has it."""
    before.keep(REVIEW_REQUEST, requested.exchange)
    evidence.add(Evidence("http", "review request", requested.exchange.as_json()))
    found = requested.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.1")
def test_new_path_is_not_at_work(listing: object, requested: object, stage_work: StageWork) -> None:
    """Validate with flag off: after these requests nothing shows the new path."""
    seen = stage_work.new_path.after_use()
    assert seen == set(), (
        f"expected no sign of {stage_work.new_path} with the flag off, found {sorted(seen)}: the new code is at work"
    )


@pytest.mark.checklist("21_01b.rollout.1", "trigger.2")
def test_requests_are_answered_and_timed(times_off: Sequence[Probe]) -> None:
    """Validate with flag off: requests are answered, and their times are the baseline of this run."""
    faults = [probe.fault for probe in times_off if probe.fault]
    assert (len(times_off) > 0, faults) == (True, []), f"{len(faults)} of {len(times_off)} failed: {faults[:3]}"


@pytest.mark.checklist("21_01b.rollout.1")
def test_lists_of_several_students_are_answered(listed: Lists, before: Before) -> None:
    """Validate with flag off: some student has commits in a list; the new service must list the same."""
    before.keep(LISTS, listed)
    assert any(listed.rows.values()), f"expected commits in one of {len(listed.rows)} lists, found none"


@pytest.mark.checklist("21_01b.rollout.1")
def test_odd_requests_do_not_crash(odd_off: Answers) -> None:
    """Validate with flag off: what no service can serve is refused; how, the new code must keep."""
    found = odd_findings(odd_off)
    assert found == [], summary(found)
