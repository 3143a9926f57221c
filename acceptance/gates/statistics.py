"""Compare counts and levels by exact, one-sided tests. Pure.

**Counts** (errors of requests, errors over seconds): given how many events there were in all, the share that falls into
the second period is binomial if the rate did not change. No large numbers are needed, none is rounded away.

**Levels** (latency, CPU, memory): the values of non-overlapping windows, compared by the Wilcoxon-Mann-Whitney test and
its own interval for the ratio (Hodges-Lehmann on logarithms). Samples of one window depend on each other, so a
window counts once; one window with a spike moves nothing. Overlapping samples would call up to a third of identical
releases different.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from itertools import count as from_number
from statistics import median


@dataclass(frozen=True)
class Count:
    """Events, out of so many requests or over so many seconds."""

    events: int
    of: float

    @property
    def rate(self) -> float:
        """Events per request or second; NaN of nothing."""
        return self.events / self.of if self.of else math.nan


@dataclass(frozen=True)
class Ratio:
    """How a level changed.

    Attributes:
        estimate: After divided by before (Hodges-Lehmann).
        low: One-sided lower confidence bound; 0 where so few windows give none.
        high: One-sided upper confidence bound; infinite where so few windows give none.
        p: Probability of windows so much higher, or more, if nothing changed.
    """

    estimate: float
    low: float
    high: float
    p: float


def increase_p(before: Count, after: Count) -> float:
    """Probability of so many events after, or more, if the rate did not change: the conditional binomial test."""
    share = after.of / (before.of + after.of)
    return binomial_tail(after.events, before.events + after.events, share)


def rate_ratio(before: Count, after: Count, alpha: float) -> tuple[float, float]:
    """Give one-sided bounds, each at `1 - alpha`, of the rate after divided by that before (Clopper-Pearson)."""
    low, high = proportion_bounds(Count(after.events, before.events + after.events), alpha)
    scale = before.of / after.of
    return scale * low / (1 - low) if low < 1 else math.inf, scale * high / (1 - high) if high < 1 else math.inf


def proportion_bounds(count: Count, alpha: float) -> tuple[float, float]:
    """Give one-sided exact bounds, each at `1 - alpha`, of a proportion (Clopper-Pearson); (0, 1) of nothing."""
    hits, of = count.events, count.of
    low = 0.0 if not hits else _root(lambda p: binomial_tail(hits, of, p) - alpha)
    high = 1.0 if hits >= of else _root(lambda p: binomial_tail(hits + 1, of, p) - (1 - alpha))
    return low, high


def least_seen(before: Count, of: float, alpha: float) -> int:
    """Count the events after, out of `of`, from which on it is called an increase over a baseline of something."""
    return _first(lambda events: increase_p(before, Count(events, of)) < alpha)


def least_over(share: float, of: float, alpha: float) -> int:
    """Count the events out of `of` from which on more than `share` is shown."""
    return _first(lambda events: binomial_tail(events, of, share) < alpha)


def level_ratio(before: Sequence[float], after: Sequence[float], alpha: float, resolution: float) -> Ratio:
    """Compare the levels of two sets of windows.

    Args:
        before: One value a window.
        after: The same.
        alpha: Of the lower bound; the upper one is at 95 %.
        resolution: Smallest value told from nothing; what is below counts as this.

    Raises:
        ValueError: A side is empty.
    """
    if not before or not after:
        raise ValueError(f"expected windows on both sides, found {len(before)} and {len(after)}")
    old, new = ([math.log(max(value, resolution)) for value in side] for side in (before, after))
    steps = sorted(b - a for a in old for b in new)
    below = rank_sums_below(len(old), len(new))
    not_higher = sum(step <= 0 for step in steps)
    cut_low = sum(p <= alpha for p in below)
    cut_high = sum(p <= 0.05 for p in below)
    return Ratio(
        estimate=math.exp(median(steps)),
        low=math.exp(steps[cut_low - 1]) if cut_low else 0.0,
        high=math.exp(steps[-cut_high]) if cut_high else math.inf,
        p=below[not_higher],
    )


@cache
def rank_sums_below(first: int, second: int) -> tuple[float, ...]:
    """Give P(U <= u) for u = 0, 1, ... of the Mann-Whitney statistic of two sets of these sizes, exactly."""
    ways = [1] + [0] * (first * second)
    # The generating function: the product of (1 - q^(second + i)) / (1 - q^i).
    for i in range(1, first + 1):
        for u in range(len(ways) - 1, second + i - 1, -1):
            ways[u] -= ways[u - second - i]
        for u in range(i, len(ways)):
            ways[u] += ways[u - i]
    return tuple(seen / math.comb(first + second, first) for seen in accumulate(ways))


def binomial_tail(hits: int, of: float, p: float) -> float:
    """Give P(X >= hits) for X binomial of `of` trials: the regularised incomplete beta function."""
    if hits <= 0:
        return 1.0
    if hits > of or p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    return _beta(hits, of - hits + 1, p)


def poisson_tail(events: int, mean: float) -> float:
    """Give P(X >= events) for X Poisson with this mean."""
    if mean <= 0:
        return 0.0 if events else 1.0
    terms = (math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(events))
    return max(0.0, 1 - math.fsum(terms))


def _beta(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 100_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c, d = 1 + term / c, 1 / (1 + term * d)
            value *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return math.exp(front) * value / a


def _root(rising: Callable[[float], float]) -> float:
    """Find where a function that rises over 0 to 1 crosses nought."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high


def _first(true_from: Callable[[int], bool]) -> int:
    """Find the first number above 0 from which on a condition holds."""
    enough = next(number for number in (2**power for power in from_number()) if true_from(number))
    return bisect_left(range(enough), True, lo=1, key=true_from)


def nearest_rank(values: Sequence[float], quantile: float) -> float:
    """Give the smallest value with at least this share of all at or below it."""
    return sorted(values)[math.ceil(quantile * len(values)) - 1]
