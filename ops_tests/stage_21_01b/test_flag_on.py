"""Stage 21_01b, gradual rollout: the new service."""

from dataclasses import asdict

import pytest

from acceptance.baseline.response_times import slower_too
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.polling import poll
from acceptance.probes.answers import other_form
from acceptance.probes.flag_path import answered
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.homework.lists import Lists
from acceptance.probes.homework.traffic import reviewable
from acceptance.probes.homework.worker import REQUESTS, Listing, Requested, failures, served
from acceptance.probes.odd_requests import NOT_FOUND, odd_findings
from acceptance.verdict import NotApplicable
from fixtures.given import (
    ODD_REQUESTS,
    Answers,
    Before,
    EvidenceBox,
    FlagState,
    Homework,
    HwChecker,
    Prometheus,
    StageWork,
    Target,
)

from .conftest import LISTS, REVIEW_REQUEST, ListThem

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_on")]


@pytest.fixture(scope="module")
def student(target: Target) -> str:
    """The checklist's other student."""
    return target.known.student_flag_on


@pytest.fixture(scope="module")
def listing(homework: Homework, student: str) -> Listing:
    """What the new service lists."""
    return homework.listing(student)


@pytest.fixture(scope="module")
def requested(homework: Homework, checker: HwChecker, student: str, target: Target) -> Requested:
    """A review of the student's newest commit, asked for by the new service."""
    newest = reviewable(checker.checks(DAYS), student)[0]
    return homework.request_review(checker, newest, patience_s=target.http_timeout_s)


@pytest.mark.checklist("21_01b.rollout.2")
def test_flag_change_restarted_the_worker(flag_on: FlagState) -> None:
    """Enable feature flag: the process that runs now started after the change."""
    restarted = flag_on.switched()
    assert restarted, "the flag was on already: nothing was switched"
    assert restarted.proved, f"expected a process that started after the change, found {restarted}"


@pytest.mark.checklist("21_01b.rollout.2", "21_01b.rollout.3")
def test_requests_go_via_the_new_service(
    listing: Listing, requested: Requested, prometheus: Prometheus, stage_work: StageWork
) -> None:
    """Review requested via new service: only it counts its requests, so the flag is really read."""
    job, operations = stage_work.service.job, {"list_commits", "request_review"}
    patience = stage_work.target.scrape_patience_s
    counted = poll(lambda: served(prometheus, job), lambda seen: operations <= {*seen}, patience)
    assert operations <= {*counted}, (
        f"{'some requests take the old path, or are counted otherwise' if counted else 'the flag has no effect'}: "
        f"expected {sorted(operations)} in {prometheus.own(REQUESTS)} of {job}, found {counted}; "
        f"{answered([*listing.findings(), *requested.findings()])}"
    )


@pytest.mark.checklist("21_01b.rollout.2", "21_01b.rollout.3")
def test_new_path_is_at_work(listing: Listing, requested: Requested, stage_work: StageWork) -> None:
    """Enable feature flag: what only the new service does is seen after our requests."""
    assert stage_work.new_path.appears(), (
        f"the flag has no effect: expected {stage_work.new_path}, found nothing; "
        f"{answered([*listing.findings(), *requested.findings()])}"
    )


@pytest.mark.checklist("21_01b.rollout.3")
def test_list_is_what_the_hw_checker_knows(
    listing: Listing, checker: HwChecker, student: str, evidence: EvidenceBox
) -> None:
    """Smoke test with flag on: no commit is missing, none is another's."""
    evidence.add(Evidence("http", "list", listing.exchange.as_json()))
    checks = checker.checks(DAYS + 1)
    assert reviewable(checks, student)  # else an empty list would prove nothing
    found = [*listing.findings(), *listing.lost(checks), *listing.foreign(checks)]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.3")
def test_review_is_requested(requested: Requested, checker: HwChecker, evidence: EvidenceBox, before: Before) -> None:
    """Smoke test with flag on: review requested successfully, and the HW checker has it, once."""
    evidence.add(Evidence("http", "review request", requested.exchange.as_json()))
    evidence.add(
        Evidence("document", "HW checker", {"before": asdict(requested.before), "after": asdict(requested.after)})
    )
    found = [*requested.findings(), *other_form(before.all(REVIEW_REQUEST), [requested.exchange])]
    assert found == [], summary(found)
    times = checker.times(requested.before)
    assert times <= 1, (
        f"expected commit {requested.before.commit_hash} queued once at the HW checker, found {times} times"
    )


@pytest.mark.checklist("21_01b.rollout.3", "trigger.2")
def test_lists_are_as_with_the_flag_off(before: Before, listed: Lists, list_them: ListThem) -> None:
    """Smoke test with flag on: the same students and days are listed alike, and those at once take no longer."""
    old = before.of(LISTS)[0]
    found = listed.unlike(old)
    found += slower_too("lists asked for at once", old.seconds, listed.seconds, lambda: list_them().seconds)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.3")
def test_odd_requests_are_refused_as_with_the_flag_off(odd_on: Answers, before: Before) -> None:
    """Smoke test with flag on: what no service can serve is refused as before."""
    found = odd_findings(odd_on, before.of(ODD_REQUESTS)[0])
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.rollout.3")
def test_unknown_commit_is_counted_as_such(odd_on: Answers, prometheus: Prometheus, stage_work: StageWork) -> None:
    """Smoke test with flag on: a commit that nobody knows is `not_found`, and no failure of the HW checker."""
    if (status := odd_on["an unknown commit"].status) != NOT_FOUND:
        raise NotApplicable(f"an unknown commit is answered {status} here, and is no failure")
    job, patience = stage_work.service.job, stage_work.target.scrape_patience_s
    counted = poll(lambda: failures(prometheus, job), bool, patience)
    assert counted.get("not_found"), f"expected a request_review with error_type not_found in {job}, found {counted}"
