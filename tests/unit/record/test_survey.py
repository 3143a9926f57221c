"""A survey tells everything that is wrong, worst first; it is never GO, and never ends with 0."""

import pytest
from record_writer import run

from acceptance.finding import Finding, Severity, as_evidence
from acceptance.record.publish import load

CHECKS = [
    ("soak", "test_low", ["21_01c.monitor.1"], "A low one"),
    ("security", "test_bare", ["21_01c.security.1"], "One that only says that it failed"),
    ("security", "test_critical", ["21_01c.security.2"], "A critical one"),
    ("preflight", "test_blind", ["21_01c.preflight.1"], "One without data"),
    ("deploy", "test_untouched", ["21_01c.deploy.2"], "One that restarts"),
    ("exit_gate", "test_good", ["21_01c.exit.4"], "A good one"),
]
ENDS = ("FAIL", "FAIL", "FAIL", "INCONCLUSIVE", "NOT RUN", "PASS")
SEVERITY = {"test_low": Severity.LOW, "test_critical": Severity.CRITICAL}


def surveyed(folder, ends, claim="SURVEY", kinds=None, severity=SEVERITY, end=None):
    """A survey whose checks ended like this."""
    with run(folder, checks=CHECKS, mode="survey", target_kind="production") as writer:
        for check, verdict in zip(CHECKS, ends, strict=True):
            bad, kind = verdict == "FAIL" and severity.get(check[1]), (kinds or {}).get(check[1], "kind")
            found = [Finding(kind, check[1], "good", "bad", bad)] if bad else []
            evidence = [piece.as_json() for piece in as_evidence(found)] if found else []
            writer.check(*check, verdict=verdict, reason=f"as {check[1]} says", evidence=evidence)
        writer.say("run.finished", **{"outcome": claim, "reasons": [], "pytest_status": 0} | (end or {}))
    return load(folder)


def test_everything_is_told_worst_first(tmp_path):
    record = surveyed(tmp_path, ENDS)
    assert (record.outcome, record.facts.exit_code) == ("SURVEY", 1)
    assert record.reasons[:4] == (
        "A critical one: as test_critical says",
        "One that only says that it failed: as test_bare says",
        "A low one: as test_low says",
        "One without data: as test_blind says",
    )


def test_kinds_of_one_severity_have_one_order_across_checks(tmp_path):
    kinds = {"test_low": "accepted", "test_critical": "written outside", "test_untouched": "overwritten"}
    record = surveyed(tmp_path, ("FAIL",) * 5 + ("PASS",), kinds=kinds, severity=dict.fromkeys(kinds, Severity.HIGH))
    told = ["A critical one", "One that restarts", "A low one", "One that only says that it failed", "One without data"]
    assert [reason.partition(":")[0] for reason in record.reasons[:5]] == told
    assert [found.kind for found in record.findings] == ["written outside", "overwritten", "accepted"]


@pytest.mark.parametrize("ends", [("PASS",) * 6, ("PASS",) * 5 + ("NOT RUN",), ("INCONCLUSIVE",) + ("PASS",) * 5])
@pytest.mark.parametrize("claim", ["SURVEY", "GO"])
def test_survey_is_never_go(ends, claim, tmp_path):
    record = surveyed(tmp_path, ends, claim)
    assert (record.outcome, record.facts.exit_code) == ("SURVEY", 10)


@pytest.mark.parametrize(
    ("end", "code", "outcome", "told"),
    [
        ({"rollback_failure": "flag on"}, 12, "SURVEY", "ROLLBACK FAILED: flag on"),
        ({"interrupted_by": "SIGINT"}, 2, "INTERRUPTED", "interrupted by SIGINT; what was changed was undone"),
        ({}, 10, "SURVEY", "nothing wrong was found; 6 of "),
    ],
)
def test_survey_that_was_cut_short_or_left_a_flag_on_says_so(end, code, outcome, told, tmp_path):
    record = surveyed(tmp_path, ("PASS",) * 6, end=end)
    assert (record.facts.exit_code, record.outcome, record.reasons[0][: len(told)]) == (code, outcome, told)
