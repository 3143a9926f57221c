"""What is bad counts before what could not be seen, and neither is ever good."""

import pytest

from acceptance.verdict import Inconclusive, bad_or_blind


@pytest.mark.parametrize(("bad", "no_data"), [([], []), (["a"], []), (["a"], ["b"])])
def test_what_is_bad_is_given_whatever_could_not_be_seen(bad, no_data):
    assert bad_or_blind(bad, no_data) == bad


def test_what_could_not_be_seen_is_not_good():
    with pytest.raises(Inconclusive, match="not seen: b; c"):
        bad_or_blind([], ["b", "c"], "not seen: ")
