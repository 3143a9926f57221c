"""Requests that take over twice as long as before are found, and nothing that a busy machine does."""

import pytest

from acceptance.baseline.response_times import slower, slower_too
from acceptance.verdict import Inconclusive

QUICK = [0.008, 0.01, 0.012] * 4


TIMES = {
    "10 ms become 150 ms": ([0.15, 0.16, 0.17] * 4, 1),
    "a little more than twice of 50 ms": ([0.12] * 12, 1),
    "2 s": ([2.0] * 12, 1),
    "below what anybody notices": ([0.03, 0.04, 0.045] * 4, 0),
    "three slow ones": ([*QUICK[:9], 3.0, 3.0, 3.0], 0),
    "less than twice of 50 ms": ([0.06, 0.09, 0.12] * 4, 0),
}


@pytest.mark.parametrize(("after", "found"), TIMES.values(), ids=TIMES)
def test_response_times_are_compared_with_the_runs_own(after, found):
    assert len(slower("butler-bot", QUICK, after, lambda: after)) == found


@pytest.mark.parametrize(("again", "found"), [([0.15] * 12, 1), (QUICK, 0)], ids=["still slow", "a busy minute"])
def test_what_is_slow_is_measured_once_more(again, found):
    """A healthy 21_01d was rolled back at 0.103 -> 0.224 s while other work kept both cores busy."""
    assert len(slower("butler-bot", QUICK, [0.15] * 12, lambda: again)) == found


@pytest.mark.parametrize(("resolution_s", "found"), [(0.05, 1), (0.1, 0)], ids=["longer", "within the resolution"])
def test_times_at_hand_are_measured_once_more_where_they_are_longer(resolution_s, found):
    again = iter([[0.15] * 12])
    assert len(slower_too("bot", QUICK, [0.15] * 12, lambda: next(again), resolution_s)) == found
    assert len([*again]) == 1 - found


@pytest.mark.parametrize(("before", "after"), [([], QUICK), (QUICK, [9.0] * 6)])
def test_too_few_requests_prove_nothing(before, after):
    assert slower_too("bot", before, after, list) == []
    with pytest.raises(Inconclusive, match="at least 7 timed requests"):
        slower("butler-bot", before, after, list)
    assert len(slower("bot", QUICK[:7], [9.0] * 7, lambda: [9.0] * 7)) == 1
