"""Stage 21_01b, exit gate: accepts the stage, after counting that everything it depends on was verified."""

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.homework.traffic import reviewable
from acceptance.probes.http.client import brief
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import EvidenceBox, Flow, Homework, HwChecker, Target

pytestmark = pytest.mark.exit_gate


@pytest.mark.checklist("21_01b.exit.1")
def test_no_increase_in_hw_checker_errors(soaked: SoakReport) -> None:
    """No increase in HW checker errors."""
    result = soaked.results["hw-checker-errors"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01b.exit.2")
def test_latency_is_within_slo(soaked: SoakReport) -> None:
    """Latency <2s (p95)."""
    result = soaked.results["latency-p95"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01b.exit.3")
def test_homework_submission(
    flag_on: object, homework: Homework, checker: HwChecker, student: str, target: Target, evidence: EvidenceBox
) -> None:
    """Manual homework submission tested: a student finds the commit in the list, has it reviewed, and it appears."""
    listing = homework.listing(student)
    known = [check for check in reviewable(checker.checks(DAYS), student) if check.commit_hash in listing.hashes]
    assert known, f"no commit of {student} in the list: {brief(listing.exchange)}"
    idle_first = sorted(known, key=lambda check: not check.idle)
    requested = homework.request_review(checker, idle_first[0], patience_s=target.http_timeout_s)
    evidence.add(Evidence("http", "review request", requested.exchange.as_json()))
    found = [*listing.findings(), *requested.findings()]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01b.exit.3")
def test_stage_is_accepted(flag_on: object, flow: Flow) -> None:
    """Exit gate: accepted only when every line was verified."""
    verified = flow.accept("21_01b")
    assert verified, "expected lines of the checklist that were verified, found none"
