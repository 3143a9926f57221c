"""Judging: numbers in, verdict out. Each test is a way in which PromQL alone would have been blind."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acceptance.gates.judging import can_fail, increase, judge, quantile_of
from acceptance.gates.measures import Gate, Samples
from acceptance.verdict import Verdict


def gate(kind="count", threshold="== 0", min_samples=1, total="total"):
    return Gate("g", "title", ("i",), kind, "query", threshold, total=total, min_samples=min_samples)


def samples(query, total=((0, 0), (1, 5), (2, 10)), reported=2, end=2):
    return Samples(
        start=0,
        end=end,
        step=1,
        query={"": query} if isinstance(query, list) else query,
        total=total,
        reported=reported,
    )


def test_first_error_that_a_series_ever_shows_counts():
    # rate() gives 0 here: the series has a single sample, at 1.
    result = judge(gate(), samples([(2, 1)]))
    assert (result.verdict, result.value) == (Verdict.FAIL, 1)


def test_no_errors_with_traffic_passes():
    result = judge(gate(), samples([]))
    assert (result.verdict, result.value, result.samples) == (Verdict.PASS, 0, 10)


def test_errors_before_the_window_do_not_count():
    assert judge(gate(), samples([(0, 7), (1, 7), (2, 7)])).verdict is Verdict.PASS


def test_counter_reset_counts_from_zero():
    assert increase([(0, 9), (1, 10), (2, 2), (3, 3)], start=0) == 1 + 2 + 1


@pytest.mark.parametrize(
    ("blind", "reason"),
    [
        (samples([], reported=0), "not scraped"),
        (samples([], total=()), "no series"),
        (samples([], total=((0, 0), (1, 0), (2, 0))), "at least 1 samples, found 0"),
        (samples([], reported=2, end=10), "expected 10 scrapes"),
    ],
    ids=["prometheus-was-down", "metric-misspelt", "no-traffic", "gap-in-the-window"],
)
def test_not_seeing_is_inconclusive(blind, reason):
    result = judge(gate(), blind)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert reason in result.reason


def test_nan_is_inconclusive():
    result = judge(gate("value", "< 1", total=""), samples([(1, math.nan), (2, math.nan)]))
    assert result.verdict is Verdict.INCONCLUSIVE


def test_quantile_beyond_the_last_finite_bucket_fails_any_bound():
    # histogram_quantile would say 2.5 here, and a threshold of 30 s could never fail.
    buckets = {"2.5": [(0, 0), (2, 0)], "+Inf": [(0, 0), (2, 10)]}
    result = judge(gate("quantile", "< 30"), samples(buckets))
    assert (result.verdict, result.value) == (Verdict.FAIL, math.inf)


def test_quantile_interpolates_as_prometheus_does():
    assert quantile_of({0.1: 50, 0.2: 100, math.inf: 100}, 0.95) == pytest.approx(0.19)


def test_quantile_without_observations_is_not_a_number():
    assert math.isnan(quantile_of({0.1: 0, math.inf: 0}, 0.95))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.floats(0.01, 1))
def test_quantile_never_lies_below_a_bucket_that_holds_too_few(counts, quantile):
    bounds = [float(number + 1) for number in range(len(counts))]
    cumulative = dict(zip(bounds, [sum(counts[: n + 1]) for n in range(len(counts))], strict=True))
    value = quantile_of(cumulative | {math.inf: sum(counts)}, quantile)
    if sum(counts):
        assert sum(cumulative[threshold] < quantile * sum(counts) for threshold in bounds if threshold < value) >= 0
        assert all(cumulative[threshold] >= quantile * sum(counts) for threshold in bounds if threshold >= value)


def test_gate_whose_bound_no_bucket_can_tell_is_named():
    assert "above the largest finite bucket 2.5" in str(can_fail(gate("quantile", "< 30"), [0.1, 2.5]))
    assert can_fail(gate("quantile", "< 2"), [0.1, 2.5]) is None
