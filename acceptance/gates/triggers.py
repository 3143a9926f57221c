"""Decide whether a trigger fires. Pure.

A trigger is asked at every scrape, of all that was counted since the flag change began. Ratios, quantiles and averages
fire when the evidence is strong enough for all of these evaluations together. So the same samples give the same answer,
whether they are looked at as they come or afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate, groupby
from itertools import count as from_number
from typing import TypeVar

from acceptance.gates.judging import bad_counts, curve, no_data, seen, too_few, totalled
from acceptance.gates.measures import GateResult, Threshold, Trigger
from acceptance.gates.sequential import mean_evidence, share_evidence
from acceptance.gates.series import Samples, Series, gained
from acceptance.gates.statistics import Count
from acceptance.verdict import Verdict

T = TypeVar("T")

ALPHA = 0.05
"""Probability that a trigger ever fires where just the allowed share is bad; where less is bad, it is far smaller."""


def evaluate(
    trigger: Trigger, samples: Samples, own: float = 0, undisturbed_since: float = 0, alpha: float = ALPHA
) -> GateResult:
    """Say whether a trigger fired at any time in the window.

    Args:
        trigger: What to judge.
        samples: What Prometheus held.
        own: Events on `query` that the suite itself provoked, to be subtracted from a count.
        undisturbed_since: Unix seconds from when on it provoked none. Ratios, quantiles, averages count from then on:
            which of the earlier events are our own is not known.
        alpha: Probability that it fires in the whole window where just the allowed share is bad.

    Returns:
        FAIL if it fired, PASS if it did not, INCONCLUSIVE if there was no data.
    """
    found = _fired(trigger, samples, own, undisturbed_since, alpha)
    points = curve(trigger, samples) if trigger.kind != "quantile" or not no_data(trigger, samples) else ()
    value = points[-1][1] if points else None
    if trigger.synthetic_events and value is not None:
        value = _without_ours(trigger, samples, value, own, undisturbed_since)
    verdict, reason = Verdict.PASS, f"did not fire; fires at {trigger.threshold} {trigger.unit}".rstrip()
    if found:
        at, shown, text = found
        value = _in_seconds(points, at) if trigger.kind == "quantile" else shown
        verdict = Verdict.FAIL
        reason = f"at {datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC {text}; fires at {trigger.threshold}"
    elif trigger.kind not in ("alerts", "log_events") and (
        why := no_data(trigger, samples) or _too_few(trigger, samples, undisturbed_since, alpha)
    ):
        verdict, reason = Verdict.INCONCLUSIVE, why
    elif value is not None and trigger.is_bad(value) and trigger.kind in ("ratio", "quantile", "average"):
        reason += "; over it now, but so few events do not prove it"
    number = seen(trigger, samples)
    return GateResult(trigger, verdict, value, number, reason, samples.start, samples.end, points)


def _too_few(trigger: Trigger, samples: Samples, undisturbed_since: float, alpha: float) -> str:
    """Say that so few events could not fire the trigger even if half of them were bad; empty where they could."""
    if trigger.kind not in ("ratio", "quantile"):
        return ""
    since = undisturbed_since if trigger.synthetic_events else 0
    whole = totalled(count for at, count in bad_counts(trigger, samples).items() if at > since)
    return too_few(whole.of, _least(trigger.share, alpha))


@cache
def _least(share: float, alpha: float) -> int:
    """Give the fewest events of which half are bad that fire a trigger, one after the other."""
    evidence = share_evidence((Count(number % 2, 1) for number in from_number(1)), share)
    return next(number for number, log in enumerate(evidence, 1) if log >= -math.log(alpha))


def _in_seconds(points: Series, at: float) -> float | None:
    """Give the quantile at a time, for a reader; None where it is beyond the largest bucket."""
    value = next((value for when, value in reversed(points) if when <= at), None)
    return value if value is not None and math.isfinite(value) else None


def _without_ours(trigger: Trigger, samples: Samples, value: float, own: float, since: float) -> float | None:
    """Give the value without the events that the suite itself provoked."""
    if trigger.kind == "count":
        return value - own
    if trigger.kind != "ratio":
        return value
    whole = totalled(count for at, count in bad_counts(trigger, samples).items() if at > since)
    return whole.rate if whole.of else None


def _fired(
    trigger: Trigger, samples: Samples, own: float, undisturbed_since: float, alpha: float
) -> tuple[float, float, str] | None:
    """Give when a trigger fired, at what value, and what was found; None where it did not."""
    holds = Threshold(trigger.threshold).holds
    if trigger.kind == "count":
        over = ((at, value - own) for at, value in curve(trigger, samples))
        return next(((at, value, f"found {value:g} {trigger.unit}") for at, value in over if holds(value)), None)
    if trigger.kind in ("value", "alerts", "log_events"):
        return _in_a_row(trigger, curve(trigger, samples))
    since = undisturbed_since if trigger.synthetic_events else 0
    if trigger.kind == "average":
        return _mean_over(trigger, samples, since, alpha)
    try:
        counts = [(at, count) for at, count in bad_counts(trigger, samples).items() if at > since]
    except ValueError:  # an incomplete histogram proves nothing
        return None
    return _share_over(trigger, samples.step, counts, alpha)


def _in_a_row(trigger: Trigger, points: Series) -> tuple[float, float, str] | None:
    run = 0
    for at, value in points:
        run = run + 1 if Threshold(trigger.threshold).holds(value) else 0
        if run == trigger.in_a_row:
            return at, value, f"found {value:g} {trigger.unit}".rstrip() + f" {run} times in a row"
    return None


def _share_over(
    trigger: Trigger, step: float, counts: Sequence[tuple[float, Count]], alpha: float
) -> tuple[float, float, str] | None:
    scrapes = [(at, totalled(mine)) for at, mine in _by_scrape(counts, step)]
    counted = [count for _, count in scrapes]
    for number, log in enumerate(share_evidence(counted, trigger.share), 1):
        if log >= -math.log(alpha):
            shown, last = _shown(counted[:number], trigger.share)
            what = f" {trigger.threshold} {trigger.unit}" if trigger.kind == "quantile" else ""
            found = f"found {shown.events} of {last}{shown.of:g}{what}, at most {trigger.share:.3g} of them may be"
            return scrapes[number - 1][0], shown.events / shown.of, found
    return None


def _shown(counts: Sequence[Count], share: float) -> tuple[Count, str]:
    """Give the counts that exceed the share: all, or the newest that exceed it most; and a word for those."""
    *_, whole = ends = list(accumulate(reversed(counts), lambda a, b: Count(a.events + b.events, a.of + b.of)))
    if whole.events > share * whole.of:
        return whole, ""
    return max(ends, key=lambda each: (each.events - share * each.of) / math.sqrt(each.of or 1)), "the last "


def _mean_over(trigger: Trigger, samples: Samples, since: float, alpha: float) -> tuple[float, float, str] | None:
    seconds, of = gained(samples.query, samples), gained(samples.total, samples)
    pairs = [(at, (seconds.get(at, 0.0), count)) for at, count in of.items() if at > since]
    scrapes = [(at, (sum(s for s, _ in mine), sum(n for _, n in mine))) for at, mine in _by_scrape(pairs, samples.step)]
    scrapes = [(at, pair) for at, pair in scrapes if pair[1] > 0]
    evidence = mean_evidence([took / count for _, (took, count) in scrapes], Threshold(trigger.threshold).limit)
    whole, number = 0.0, 0.0
    for (at, (took, count)), log in zip(scrapes, evidence, strict=True):
        whole, number = whole + took, number + count
        if log >= -math.log(alpha):
            return at, whole / number, f"found {whole / number:.3g} {trigger.unit} on average of {number:g}"
    return None


def _by_scrape(points: Sequence[tuple[float, T]], step: float) -> Iterator[tuple[float, list[T]]]:
    """Group what the instances showed within one scrape interval, under the time of the last one."""
    for _, mine in groupby(points, key=lambda point: math.floor(point[0] / step)):
        found = list(mine)
        yield found[-1][0], [value for _, value in found]
