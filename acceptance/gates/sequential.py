"""Test at every scrape, with one error probability for all evaluations together. Pure.

Each is a mixture martingale, as of Lindon, Sanden and Shirikian (KDD 2022): the likelihood of what was counted under
some bad releases, over that under the worst good one. Whatever good release it is, the mixture exceeds `1 / alpha` at
any time at all with a probability of `alpha` at most (Ville). Half of the weight begins with the window; the other half
is spread over later beginnings, so that a long good time does not hide a release that goes bad late.
The mixture is over a few points instead of a beta density: the same guarantee, and one pass over the counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from acceptance.gates.statistics import Count

ODDS = (1.5, 2, 3, 5, 10, 30, 100)
"""Times the odds of the threshold: the bad releases that are looked for."""
STAKES = (0.1, 0.3, 0.9)
"""Parts of the evidence that are staked on a mean above the threshold."""
SPREAD = 60
"""Scrapes over which half of the later beginnings are spread; the weight of those after them falls slowly."""


def share_evidence(counts: Iterable[Count], share: float) -> Iterator[float]:
    """Give, after each count, the logarithm of the evidence that more than `share` of the events are bad.

    Args:
        counts: Bad events out of all, of one scrape after the other.
        share: Most that a good release shows.
    """
    bad = [odds * share / (1 - share + odds * share) for odds in ODDS]
    steps = [(math.log(theta / share), math.log((1 - theta) / (1 - share))) for theta in bad]
    return _mixture([hit * n.events + miss * (n.of - n.events) for hit, miss in steps] for n in counts)


def mean_evidence(means: Iterable[float], limit: float) -> Iterator[float]:
    """Give, after each mean, the logarithm of the evidence that the values exceed `limit` on average.

    They are never negative, and one that is counts as nought. Nothing more is assumed of how they are spread: one very
    long one is no proof of a mean.
    """
    return _mixture([math.log1p(stake * (max(mean, 0.0) / limit - 1)) for stake in STAKES] for mean in means)


def _mixture(steps: Iterable[Sequence[float]]) -> Iterator[float]:
    """Add up the logarithmic likelihood ratios of each alternative, over all beginnings."""
    logs: list[float] = []
    weight = math.log(0.5)
    for number, step in enumerate(steps):
        logs = [_log_sum([log, weight]) + gain for log, gain in zip(logs or [-math.inf] * len(step), step, strict=True)]
        yield _log_sum(logs) - math.log(len(logs))
        weight = math.log(0.5 * SPREAD / ((number + SPREAD) * (number + SPREAD + 1)))  # of all later ones: one half


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most if math.isinf(most) else most + math.log(sum(math.exp(log - most) for log in logs))
