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


def test_no_errors_in_59_requests_exclude_5_percent_and_in_58_do_not():
    """The rule of three, exactly."""
    assert proportion_bounds(Count(0, 59), 0.05)[1] < 0.05 < proportion_bounds(Count(0, 58), 0.05)[1]


@pytest.mark.parametrize(("events", "p"), [(4, 1 / 16), (5, 1 / 32)])
def test_events_only_after_are_as_likely_as_so_many_coins(events, p):
    assert increase_p(Count(0, 100), Count(events, 100)) == pytest.approx(p)


def test_the_rate_ratio_holds_the_truth_and_knows_what_nothing_is():
    low, high = rate_ratio(Count(20, 1000), Count(60, 1000), 0.05)
    assert 1 < low < 3 < high
    assert rate_ratio(Count(0, 100), Count(5, 100), 0.05)[1] == math.inf
    assert rate_ratio(Count(5, 100), Count(0, 100), 0.05)[0] == 0.0


@pytest.mark.parametrize("before", [Count(0, 100), Count(7, 300), Count(100, 400)])
def test_least_seen_is_the_first_count_that_is_called_an_increase(before):
    least = least_seen(before, 100, 0.01)
    assert increase_p(before, Count(least, 100)) < 0.01 <= increase_p(before, Count(least - 1, 100))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4), (5, 2)])
def test_rank_sums_are_those_of_every_arrangement(first, second):
    places = range(first + second)
    counts = [
        sum(b < a for a in mine for b in places if b not in mine) for mine in itertools.combinations(places, first)
    ]
    expected = [sum(u <= k for u in counts) / len(counts) for k in range(first * second + 1)]
    assert rank_sums_below(first, second) == pytest.approx(expected)


def test_level_ratio_of_a_doubled_level_is_two_and_its_interval_excludes_one():
    before = [0.10, 0.11, 0.12, 0.10, 0.13, 0.11, 0.12, 0.10]
    ratio = level_ratio(before, [2 * value for value in before], 0.003, 1e-6)
    assert ratio.estimate == pytest.approx(2, rel=0.01)
    assert 1 < ratio.low < 2 < ratio.high < 2.6
    assert ratio.p == pytest.approx(1 / math.comb(16, 8))


def test_one_window_with_a_spike_moves_nothing():
    before = [0.10, 0.11, 0.12, 0.10, 0.13, 0.11, 0.12, 0.10]
    assert level_ratio(before, [*before[:-1], 60.0], 0.003, 1e-6).estimate == pytest.approx(1, rel=0.15)


def test_too_few_windows_give_no_bounds():
    ratio = level_ratio([1.0, 1.0], [2.0, 2.0], 0.003, 1e-6)
    assert (ratio.low, ratio.high) == (0.0, math.inf)


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


def test_empty_sides_are_refused():
    with pytest.raises(ValueError, match="expected windows on both sides"):
        level_ratio([], [1.0], 0.05, 1e-6)


def test_least_over_is_the_first_count_that_shows_more_than_a_share():
    least = least_over(0.05, 200, 0.05)
    assert proportion_bounds(Count(least, 200), 0.05)[0] > 0.05 >= proportion_bounds(Count(least - 1, 200), 0.05)[0]
    assert least_over(0.05, 1, 0.01) == 2  # more than there are calls: nothing can be shown
