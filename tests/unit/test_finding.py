"""Findings are told worst first, counted by kind, and in one line."""

import pytest

from acceptance.finding import Finding, Severity, counts, ranked, summary

OUTSIDE = Finding("written outside", "case 7", "no file outside the root", "/etc/x", Severity.CRITICAL)
SERVER = Finding("server error", "case 1", "400", "500", Severity.MEDIUM, next_step="read the service's log")
SERVER_TOO = Finding("server error", "case 2", "400", "502", Severity.MEDIUM)


def test_worst_is_first_and_kinds_stay_together():
    assert ranked([SERVER, OUTSIDE, SERVER_TOO]) == [OUTSIDE, SERVER, SERVER_TOO]


def test_kinds_of_one_severity_have_one_order_wherever_they_come_from():
    """A survey's checks find them in any order."""
    order = ["written outside", "overwritten", "accepted", "answered 500", "leaked", "not logged", "another"]
    found = [Finding(kind, "case", "", "", Severity.HIGH) for kind in reversed(order)]
    assert [each.kind for each in ranked(found)] == list(counts(found)) == order


def test_counts_are_by_kind_worst_first():
    assert list(counts([SERVER, SERVER_TOO, OUTSIDE]).items()) == [("written outside", 1), ("server error", 2)]


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        ([], "nothing found"),
        ([SERVER], "1 server error: case 1: expected 400, found 500; read the service's log"),
        ([SERVER, OUTSIDE], "1 written outside, 1 server error: case 7"),
    ],
    ids=["none", "one with a next step", "two kinds"],
)
def test_summary(findings, told):
    assert summary(findings).startswith(told)


def test_summary_says_that_there_is_more():
    assert summary([SERVER] * 7).endswith("; ...")
