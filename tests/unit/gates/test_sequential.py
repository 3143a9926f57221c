"""Tests that are asked at every scrape: what they guarantee holds, by sums over every outcome and by dice."""

import itertools
import math
import random

import pytest

from acceptance.gates.sequential import mean_evidence, share_evidence
from acceptance.gates.statistics import Count


@pytest.mark.parametrize("share", [0.02, 0.05, 0.3])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_evidence_against_a_release_with_just_the_allowed_share_is_one_at_most_on_average(share, steps):
    """A martingale, summed over every outcome; with less than the share it can only be smaller."""
    for real in (share, share / 2):
        mean = 0.0
        for outcome in itertools.product((0, 1), repeat=steps):
            probability = math.prod(real if bad else 1 - real for bad in outcome)
            mean += probability * math.exp([*share_evidence([Count(bad, 1) for bad in outcome], share)][-1])
        assert mean <= 1 + 1e-9


def test_evidence_is_the_mean_over_alternatives_and_beginnings():
    counts, means, share, limit = [(3, 10), (0, 7), (2, 2), (1, 30)], [1.0, 5.0, 0.0, 2.5], 0.05, 2.0
    shares = [odds * share / (1 - share + odds * share) for odds in (1.5, 2, 3, 5, 10, 30, 100)]
    of_shares = [[(p / share) ** bad * ((1 - p) / (1 - share)) ** (of - bad) for bad, of in counts] for p in shares]
    of_means = [[1 + stake * (mean / limit - 1) for mean in means] for stake in (0.1, 0.3, 0.9)]
    assert [*share_evidence(itertools.starmap(Count, counts), share)] == pytest.approx(_by_hand(of_shares))
    assert [*mean_evidence(means, limit)] == pytest.approx(_by_hand(of_means))


def _by_hand(alternatives):
    """Half of the weight is on the first beginning, half of the rest on the 60 after it."""
    weights = [0.5, *(0.5 * (60 / (n + 60) - 60 / (n + 61)) for n in range(3))]

    def mixed(end):
        spans = ((each, begin) for each in alternatives for begin in range(end + 1))
        return sum(weights[begin] * math.prod(each[begin : end + 1]) for each, begin in spans) / len(alternatives)

    return [math.log(mixed(end)) for end in range(4)]


def test_a_good_release_is_called_bad_at_any_time_no_more_often_than_guaranteed():
    """2,000 soaks of 100 scrapes, asked at each, with just the allowed share."""
    dice = random.Random(21)

    def alarm():
        counts = (Count(sum(dice.random() < 0.05 for _ in range(5)), 5) for _ in range(100))
        return any(log >= math.log(20) for log in share_evidence(counts, 0.05))

    assert 0.002 < sum(alarm() for _ in range(2000)) / 2000 <= 0.05


@pytest.mark.parametrize(
    "draw",
    [lambda dice: dice.expovariate(1), lambda dice: 50.0 * (dice.random() < 0.02)],
    ids=["spread", "seldom and long"],
)
def test_a_mean_at_its_limit_is_called_too_high_no_more_often_than_guaranteed(draw):
    dice = random.Random(21)
    alarms = sum(
        any(log >= math.log(20) for log in mean_evidence((draw(dice) for _ in range(60)), 1.0)) for _ in range(1000)
    )
    assert alarms / 1000 <= 0.05


def test_large_counts_stay_finite():
    logs = [*share_evidence([Count(10**6, 2 * 10**6), Count(0, 10**7)], 0.05)]
    assert all(map(math.isfinite, logs))
