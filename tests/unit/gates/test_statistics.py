"""The tests that comparisons rest on: right against sums by hand, honest on noise, and able to see."""

import itertools
import math
import random

import pytest

from acceptance.gates.statistics import (
    Count,
    binomial_tail,
    increase_p,
    least_over,
    least_seen,
    level_ratio,
    nearest_rank,
    proportion_bounds,
    rank_sums_below,
    rate_ratio,
)


def summed_tail(hits, of, p):
    return sum(math.comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(hits, of + 1))


@pytest.mark.parametrize(("of", "p"), [(1, 0.5), (10, 0.05), (59, 0.95), (300, 0.3)])
def test_binomial_tail_is_the_sum_of_its_terms(of, p):
    for hits in range(of + 1):
        assert binomial_tail(hits, of, p) == pytest.approx(summed_tail(hits, of, p), abs=1e-10)


def test_binomial_tail_of_large_counts_is_finite_and_right():
    """Half of a million: a normal curve is exact enough to compare with."""
    assert binomial_tail(500_000, 1_000_000, 0.5) == pytest.approx(0.5, abs=1e-3)
    assert binomial_tail(501_000, 1_000_000, 0.5) == pytest.approx(0.0228, abs=3e-4)


def test_proportion_bounds_leave_alpha_in_each_tail():
    low, high = proportion_bounds(Count(3, 50), 0.05)
    assert summed_tail(3, 50, low) == pytest.approx(0.05, abs=1e-6)
    assert 1 - summed_tail(4, 50, high) == pytest.approx(0.05, abs=1e-6)
    assert proportion_bounds(Count(0, 59), 0.05)[1] < 0.05 < proportion_bounds(Count(0, 58), 0.05)[1]  # rule of three


@pytest.mark.parametrize(("events", "p"), [(4, 1 / 16), (5, 1 / 32)])
def test_events_only_after_are_as_likely_as_so_many_coins(events, p):
    assert increase_p(Count(0, 100), Count(events, 100)) == pytest.approx(p)


def test_the_rate_ratio_holds_the_truth_and_knows_what_nothing_is():
    """Of 80 events in a sixth of the time, 60 are the worst that 5 % show at either bound of the share."""
    a, b = rate_ratio(Count(20, 5000), Count(60, 1000), 0.05)
    assert [summed_tail(60, 80, a / (5 + a)), 1 - summed_tail(61, 80, b / (5 + b))] == pytest.approx([0.05] * 2)
    assert rate_ratio(Count(0, 100), Count(5, 100), 0.05)[1] == math.inf
    assert rate_ratio(Count(5, 100), Count(0, 100), 0.05)[0] == 0.0


@pytest.mark.parametrize("before", [Count(0, 100), Count(7, 300), Count(100, 400)])
def test_least_seen_is_the_first_count_that_is_called_an_increase(before):
    least = least_seen(before, 100, 0.01)
    assert increase_p(before, Count(least, 100)) < 0.01 <= increase_p(before, Count(least - 1, 100))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4), (5, 2)])
def test_rank_sums_are_those_of_every_arrangement(first, second):
    places = range(first + second)
    counts = [sum(b < a for a in own for b in places if b not in own) for own in itertools.combinations(places, first)]
    expected = [sum(u <= k for u in counts) / len(counts) for k in range(first * second + 1)]
    assert rank_sums_below(first, second) == pytest.approx(expected)


def test_bounds_of_a_level_are_steps_between_the_windows():
    """Of the 70 arrangements of 4 and 4 one has U = 0, one 1 and two 2: the bounds are the second of 16 steps."""
    ratio = level_ratio([1, 2, 4, 8], [16, 32, 64, 128], 2 / 70, 1e-6)
    assert (ratio.estimate, ratio.low, ratio.high, ratio.p) == pytest.approx((16, 4, 64, 1 / 70))
    assert level_ratio([1.0] * 4, [1.0] * 4, 0.05, 1e-6).p == 1
    assert level_ratio([1e-9] * 4, [1e-9, 4, 4, 4], 0.05, 2.0).estimate == pytest.approx(2)
    assert level_ratio([1, 2, 4, 8], [1, 2, 4, 800], 0.05, 1e-6).estimate == 1, "one window with a spike moves nothing"
    few = level_ratio([1.0, 1.0], [2.0, 2.0], 0.003, 1e-6)
    assert (few.low, few.high) == (0.0, math.inf)
    with pytest.raises(ValueError, match="expected windows on both sides, found 0 and 1"):
        level_ratio([], [1.0], 0.05, 1e-6)


@pytest.mark.parametrize(
    ("hits", "of", "p", "tail"), [(-1, 5, 0.5, 1), (0, 0, 0, 1), (1, 5, 0, 0), (6, 5, 1, 0), (5, 5, 1, 1), (1, 5, 1, 1)]
)
def test_binomial_tail_at_its_edges(hits, of, p, tail):
    assert binomial_tail(hits, of, p) == tail


@pytest.mark.parametrize(("quantile", "value"), [(0.001, 1), (0.5, 50), (0.95, 95), (0.951, 96), (1, 100)])
def test_nearest_rank_is_the_first_value_with_so_many_at_or_below_it(quantile, value):
    assert nearest_rank([*range(100, 0, -1)], quantile) == value


def test_bounds_hold_what_they_guarantee_on_noise():
    """2,000 identical pairs: the lower bound is above 1 in at most alpha of them, and not for want of seeing."""
    dice = random.Random(21)
    lows = 0
    for _ in range(2000):
        before, after = ([dice.lognormvariate(0, 0.3) for _ in range(8)] for _ in range(2))
        lows += level_ratio(before, after, 0.05, 1e-9).low > 1
    assert 0.02 < lows / 2000 <= 0.06


def test_counts_of_equal_rates_differ_in_at_most_alpha():
    """2,000 identical pairs of 300 requests with 2 % errors."""
    dice = random.Random(21)

    def errors():
        return Count(sum(dice.random() < 0.02 for _ in range(300)), 300)

    alarms = sum(increase_p(errors(), errors()) < 0.05 for _ in range(2000))
    assert 0.005 < alarms / 2000 <= 0.05


def test_least_over_is_the_first_count_that_shows_more_than_a_share():
    least = least_over(0.05, 200, 0.05)
    assert proportion_bounds(Count(least, 200), 0.05)[0] > 0.05 >= proportion_bounds(Count(least - 1, 200), 0.05)[0]
    assert least_over(0.05, 1, 0.01) == 2  # more than there are calls: nothing can be shown
