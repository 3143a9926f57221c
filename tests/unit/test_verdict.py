"""What is bad counts before what could not be seen, and neither is ever good."""

from types import SimpleNamespace

import pytest

from acceptance.verdict import Inconclusive, Verdict, bad_or_blind
from fixtures.flow import verdict_of


@pytest.mark.parametrize(("bad", "no_data"), [([], []), (["a"], []), (["a"], ["b"])])
def test_what_is_bad_is_given_whatever_could_not_be_seen(bad, no_data):
    assert bad_or_blind(bad, no_data) == bad


def test_what_could_not_be_seen_is_not_good():
    with pytest.raises(Inconclusive, match="not seen: b; c"):
        bad_or_blind([], ["b", "c"], "not seen: ")


def test_failure_that_a_plugin_calls_passed_is_a_failure():
    with pytest.raises(AssertionError) as failure:
        raise AssertionError("2 == 3")
    report = SimpleNamespace(passed=True, skipped=False)
    assert verdict_of(report, failure) == (Verdict.FAIL, "a plugin calls it passed, and it is not: 2 == 3")
    assert verdict_of(report, None) == (Verdict.PASS, "")
