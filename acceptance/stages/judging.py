"""The pure judging of gates and triggers: raw samples in, verdict out.

PromQL alone is blind in three ways: the first errors that a series ever shows give a ``rate`` of 0, a
misspelt metric and a healthy one both give an empty vector, and ``histogram_quantile`` is capped at the largest
finite bucket. So the raw samples since the window began are fetched, and the numbers are worked out here: counter
deltas from the first sample on, presence required, and a quantile beyond the last finite bucket is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from acceptance.stages.gates import Bound, GateResult, Measure, Samples, Series, Trigger
from acceptance.verdict import Verdict


def judge(gate: Measure, samples: Samples, own: int = 0) -> GateResult:
    """Judge a gate on raw samples; pure.

    Args:
        gate: What to judge.
        samples: What Prometheus held.
        own: Events on the counter that the suite itself provoked, to be subtracted.

    Returns:
        PASS or FAIL when there was enough to see, else INCONCLUSIVE with the reason.
    """
    seen = round(increase(samples.total, samples.start)) if gate.total else samples.reported
    blind = _blindness(gate, samples, seen)
    curve = _curve(gate, samples, own)
    value = curve[-1][1] if curve else None
    if blind is None and value is None:
        blind = "no value came back"
    if blind is None and value is not None and math.isnan(value):
        blind = "the value is not a number"
    if blind is not None or value is None:
        return GateResult(gate, Verdict.INCONCLUSIVE, value, seen, blind or "", samples.start, samples.end, curve)
    holds = Bound(gate.bound).holds(value)
    text = f"expected {gate.bound} {gate.unit}".rstrip() + f", found {value:.4g} over {seen} samples"
    verdict = Verdict.PASS if holds else Verdict.FAIL
    return GateResult(gate, verdict, value, seen, text, samples.start, samples.end, curve)


def fires(trigger: Trigger, samples: Samples, own: int = 0) -> GateResult | None:
    """Say whether a trigger fires on the samples; None while it does not, or cannot see enough."""
    curve = _curve(trigger, samples, own)
    if trigger.total and increase(samples.total, samples.start) < trigger.min_samples:
        return None
    breaches = [value for _, value in curve[-trigger.of :] if Bound(trigger.bound).holds(value)]
    if len(breaches) < trigger.breaches:
        return None
    reason = f"found {breaches[-1]:.4g} {trigger.unit} in {len(breaches)} of the last {trigger.of} looks"
    reason += f", fires at {trigger.bound}"
    seen = round(increase(samples.total, samples.start))
    return GateResult(trigger, Verdict.FAIL, breaches[-1], seen, reason, samples.start, samples.end, curve)


def increase(series: Series, start: float) -> float:
    """Count new events on a counter since ``start``.

    A series that first shows within the window began at 0; a fall means that the process restarted.
    """
    before = [value for at, value in series if at <= start]
    last = before[-1] if before else 0.0
    total = 0.0
    for at, value in series:
        if at > start:
            total += value - last if value >= last else value
            last = value
    return total


def quantile_of(buckets: Mapping[float, float], quantile: float) -> float:
    """Estimate a quantile from histogram deltas, as ``histogram_quantile`` does, but beyond the last
    finite bucket it is infinite rather than capped.

    Args:
        buckets: Upper bound in the metric's unit -> observations at or below it.
        quantile: Between 0 and 1.

    Returns:
        The estimate, NaN without observations.
    """
    bounds = sorted(buckets)
    count = buckets[bounds[-1]] if bounds else 0.0
    if count <= 0:
        return math.nan
    rank = quantile * count
    lower, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return math.inf
            share = (rank - below) / (buckets[bound] - below) if buckets[bound] > below else 1.0
            return lower + (bound - lower) * share
        lower, below = bound, buckets[bound]
    return math.inf


def can_fail(gate: Measure, finite_buckets: Sequence[float]) -> str | None:
    """Lint a quantile gate: name what keeps it from ever failing, else None.

    A bound above the largest finite bucket is answered by infinity and so can fail, but only just:
    between that bucket and the bound nothing is told apart.
    """
    if gate.kind != "quantile" or not finite_buckets:
        return None
    limit = Bound(gate.bound).limit
    if limit > max(finite_buckets):
        return f"{gate.id}: bound {limit:g} lies above the largest finite bucket {max(finite_buckets):g}"
    return None


def _blindness(gate: Measure, samples: Samples, seen: int) -> str | None:
    if samples.reported == 0:
        return "the service was not scraped in the window; is Prometheus up and its target healthy?"
    if samples.reported < 0.8 * samples.expected:
        return f"expected {samples.expected} scrapes in the window, found {samples.reported}"
    if gate.total and not samples.total:
        return f"no series for {gate.total}; expected one once the flag is on"
    if seen < gate.min_samples:
        return f"expected at least {gate.min_samples} samples, found {seen}"
    if gate.kind == "value" and not samples.query:
        return f"no series for {gate.query}"
    return None


def _curve(gate: Measure, samples: Samples, own: int) -> list[tuple[float, float]]:
    """Work out the measure's value at each sample time of the window."""
    if gate.kind in ("value", "alerts", "log_events"):
        return _highest(samples)
    if gate.kind == "quantile":
        return _quantiles(gate, samples)
    bad = next(iter(samples.query.values()), ())
    points = []
    for at in _times(samples):
        count = max(0.0, increase(_until(bad, at), samples.start) - own)
        if gate.kind == "ratio":
            total = increase(_until(samples.total, at), samples.start)
            count = count / total if total else math.nan
        points.append((at, count))
    return points


def _highest(samples: Samples) -> list[tuple[float, float]]:
    by_time: dict[float, float] = {}
    for series in samples.query.values():
        for at, value in series:
            if at > samples.start:
                by_time[at] = max(value, by_time.get(at, -math.inf))
    return sorted(by_time.items())


def _quantiles(gate: Measure, samples: Samples) -> list[tuple[float, float]]:
    points = []
    for at in _times(samples):
        deltas = {float(le): increase(_until(series, at), samples.start) for le, series in samples.query.items()}
        points.append((at, quantile_of(deltas, gate.quantile)))
    return points


def _times(samples: Samples) -> list[float]:
    return sorted({at for at, _ in samples.total if at > samples.start})


def _until(series: Series, at: float) -> Series:
    return [point for point in series if point[0] <= at]
