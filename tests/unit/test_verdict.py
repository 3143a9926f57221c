"""What is bad counts before what could not be seen, and neither is ever good."""

import pytest

from acceptance.verdict import Inconclusive, bad_or_blind


@pytest.mark.parametrize(("bad", "unseen"), [([], []), (["a"], []), (["a"], ["b"])])
def test_what_is_bad_is_given_whatever_could_not_be_seen(bad, unseen):
    assert bad_or_blind(bad, unseen) == bad


def test_what_could_not_be_seen_is_not_good():
    with pytest.raises(Inconclusive, match="not seen: b; c"):
        bad_or_blind([], ["b", "c"], "not seen: ")
