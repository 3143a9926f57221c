"""The pure judging of gates: raw samples in, verdict out. Triggers are judged on the same numbers, see ``firing``.

PromQL alone is blind in three ways: the first errors that a series ever shows give a ``rate`` of 0, a
misspelt metric and a healthy one both give an empty vector, and ``histogram_quantile`` is capped at the largest
finite bucket. So the raw samples since the window began are fetched, and the numbers are worked out here: counter
deltas from the first sample on, presence required, and a quantile beyond the last finite bucket is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from acceptance.gates.measures import GateResult, Measure, Samples, Series, Threshold
from acceptance.verdict import Verdict


def judge(gate: Measure, samples: Samples) -> GateResult:
    """Judge a gate on raw samples; pure.

    Args:
        gate: What to judge.
        samples: What Prometheus held.

    Returns:
        PASS or FAIL when there was enough to see, else INCONCLUSIVE with the reason.
    """
    seen = round(increase(samples.total, samples.start)) if gate.total else samples.reported
    blind = _blindness(gate, samples, seen)
    points = curve(gate, samples)
    value = points[-1][1] if points else None
    if blind is None and value is None:
        blind = "no value came back"
    if blind is None and value is not None and math.isnan(value):
        blind = "the value is not a number"
    if blind is not None or value is None:
        return GateResult(gate, Verdict.INCONCLUSIVE, value, seen, blind or "", samples.start, samples.end, points)
    holds = Threshold(gate.threshold).holds(value)
    text = f"expected {gate.threshold} {gate.unit}".rstrip() + f", found {value:.4g} over {seen} samples"
    verdict = Verdict.PASS if holds else Verdict.FAIL
    return GateResult(gate, verdict, value, seen, text, samples.start, samples.end, points)


def curve(
    measure: Measure, samples: Samples, own: float = 0, since: Callable[[float], float] | None = None, newest: int = 0
) -> list[tuple[float, float]]:
    """Work out the measure's value at the sample times of the window.

    Args:
        measure: What to work out.
        samples: What Prometheus held.
        own: Events on the counter that the suite itself provoked, to be subtracted.
        since: From when on the value at a time counts; from the window's start by default.
        newest: At so many of the newest times only; at all of them by default.
    """
    if measure.kind in ("value", "alerts", "log_events"):
        return _highest(samples)[-newest:]
    since = since or (lambda _: samples.start)
    times = _times(samples)[-newest:]
    if measure.kind == "quantile":
        return [(at, _quantile(measure, samples, since(at), at)) for at in times]
    bad = next(iter(samples.query.values()), ())
    points = []
    for at in times:
        count = max(0.0, increase(until(bad, at), since(at)) - own)
        if measure.kind == "ratio":
            total = increase(until(samples.total, at), since(at))
            count = count / total if total else math.nan
        points.append((at, count))
    return points


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
    limit = Threshold(gate.threshold).limit
    if limit > max(finite_buckets):
        return f"{gate.id}: bound {limit:g} lies above the largest finite bucket {max(finite_buckets):g}"
    return None


def _blindness(gate: Measure, samples: Samples, seen: int) -> str | None:
    if samples.reported == 0:  # guard: empty-window-of-a-soak
        return "the service was not scraped in the window; is Prometheus up and its target healthy?"
    if samples.reported < 0.8 * samples.expected:  # guard: gaps-in-a-window
        return f"expected {samples.expected} scrapes in the window, found {samples.reported}"
    if gate.total and not samples.total:
        return f"no series for {gate.total}; expected one once the flag is on"
    if seen < gate.min_samples:  # guard: too-few-samples
        return f"expected at least {gate.min_samples} samples, found {seen}"
    if gate.kind == "value" and not samples.query:
        return f"no series for {gate.query}"
    return None


def _highest(samples: Samples) -> list[tuple[float, float]]:
    by_time: dict[float, float] = {}
    for series in samples.query.values():
        for at, value in series:
            if at > samples.start:
                by_time[at] = max(value, by_time.get(at, -math.inf))
    return sorted(by_time.items())


def _quantile(measure: Measure, samples: Samples, start: float, at: float) -> float:
    deltas = {float(le): increase(until(series, at), start) for le, series in samples.query.items()}
    return quantile_of(deltas, measure.quantile)


def _times(samples: Samples) -> list[float]:
    return sorted({at for at, _ in samples.total if at > samples.start})


def until(series: Series, at: float) -> Series:
    """Give the part of a series that was there at a time."""
    return [point for point in series if point[0] <= at]
