"""Judge gates: raw samples in, verdict out. Pure.

PromQL alone is blind in three ways: the first errors that a series ever shows give a `rate` of 0, a misspelt metric and
a healthy one both give an empty vector, and `histogram_quantile` is capped at the largest finite bucket and guesses
what lies between two bounds. So the raw samples since the window began are fetched, and counted here.

**Ratios and latency have one judge**: how many of n were over the threshold, and could that be so if only the allowed
share is (exact binomial)? A bucket holds what lies between two bounds. Where the threshold lies between them, a gate
fails by those surely over it, and passes only if it holds with those that may be over it as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from acceptance.gates.measures import GateResult, Measure, Threshold
from acceptance.gates.series import Samples, gained, histograms, increase
from acceptance.gates.statistics import Count, binomial_tail, least_over
from acceptance.verdict import Verdict

ALPHA = 0.05
"""Probability of failing a release that shows just the allowed share, where it is asked once."""
BROKEN = 0.5
"""A service that is bad half of the time must be found out at 95 %; with fewer events nothing is said."""
FEWEST_WITHOUT_ERROR = 5
"""With fewer events a service that is bad half of the time may well show no error at all."""


def judge(gate: Measure, samples: Samples, alpha: float = ALPHA) -> GateResult:
    """Judge a gate on raw samples; pure.

    Args:
        gate: What to judge.
        samples: What Prometheus held.
        alpha: Of ratios and quantiles.

    Returns:
        PASS or FAIL when there was enough data, else INCONCLUSIVE with the reason.
    """
    if why := no_data(gate, samples):
        return GateResult(gate, Verdict.INCONCLUSIVE, None, seen(gate, samples), why, samples.start, samples.end)
    if gate.kind == "ratio":
        sure = maybe = totalled(bad_counts(gate, samples).values())
    elif gate.kind == "quantile":
        sure, maybe = (totalled(bad_counts(gate, samples, surely=surely).values()) for surely in (True, False))
    else:
        return _compared(gate, samples)
    verdict, reason = judge_share(sure, maybe, gate.share, alpha)
    points = curve(gate, samples)
    value = points[-1][1] if points else None
    if gate.kind == "quantile":
        reason += f" over {gate.threshold.split()[1]} {gate.unit}"
    return GateResult(gate, verdict, value, round(sure.of), reason, samples.start, samples.end, points)


def judge_share(sure: Count, maybe: Count, share: float, alpha: float = ALPHA) -> tuple[Verdict, str]:
    """Judge how many of n were bad; asked once.

    Args:
        sure: Those that surely were.
        maybe: Those that may have been, of the same n.
        share: How many may be.
        alpha: Probability of a FAIL if just this share is bad.

    Returns:
        The verdict and what was found.
    """
    of = round(sure.of)
    told = f"expected at most {share:.3g} of them, found {sure.events} of {of}"
    if binomial_tail(sure.events, of, share) < alpha:
        return Verdict.FAIL, told
    if few := too_few(of, fewest(share, alpha)):
        return Verdict.INCONCLUSIVE, f"{few}; {sure.events} are bad"
    if binomial_tail(maybe.events, of, share) < alpha:
        told += f" for certain and {maybe.events} possibly: the histogram has no bucket that ends at the threshold"
        return Verdict.INCONCLUSIVE, told
    return Verdict.PASS, told


@cache
def fewest(share: float, alpha: float = ALPHA) -> int:
    """Give the fewest events with which a service that is bad half of the time is found, at 95 %."""
    return next(n for n in range(1, 10_000) if binomial_tail(least_over(share, n, alpha), n, BROKEN) >= 0.95)


def too_few(found: float, least: int) -> str:
    """Say that there are too few events to judge by; empty where they are enough."""
    events = "1 event" if least == 1 else f"{least} events"
    return f"expected at least {events} to judge by, found {round(found)}" if round(found) < least else ""


def traffic_fault(sent: int, gained: float, in_flight: int = 0) -> str:
    """Say why the counters cannot be believed, or nothing: users' traffic may only add to ours.

    Args:
        sent: Good requests of our own, each of which counts once.
        gained: What the counter gained meanwhile.
        in_flight: How many of ours may not be counted yet.
    """
    found = f"we sent {sent} good requests, and the counters gained {gained:g}"
    if gained < sent - in_flight:
        return f"{found}: metrics stand still, or an instance is not scraped; look at the targets of Prometheus"
    if sent and not in_flight and gained > sent and gained % sent == 0:
        return f"{found}, {gained / sent:g} times as many: an instance is scraped more than once; look at its targets"
    return ""


def bad_counts(measure: Measure, samples: Samples, *, surely: bool = True) -> dict[float, Count]:
    """Count the bad events of all, by the time of the sample.

    Args:
        measure: A ratio or quantile.
        samples: What Prometheus held.
        surely: Of a quantile: those over the bucket bound above the threshold; else those over the one below it.
    """
    if measure.kind == "ratio":
        bad, of = gained(samples.query, samples), gained(samples.total, samples)
        return {at: _of(bad.get(at, 0), of.get(at, 0)) for at in sorted({*bad, *of})}
    found: dict[float, Count] = {}
    for histogram in histograms(samples.query):
        within = histogram.over(Threshold(measure.threshold).limit)[0 if surely else 1]
        good = gained([within], samples) if within else {}
        for at, count in gained([histogram.count], samples).items():
            before = found.get(at, Count(0, 0))
            found[at] = _of(before.events + count - good.get(at, 0), before.of + count)
    return dict(sorted(found.items()))


def totalled(counts: Iterable[Count]) -> Count:
    """Add counts up."""
    all_of_them = list(counts)
    return Count(sum(each.events for each in all_of_them), sum(each.of for each in all_of_them))


def _of(bad: float, of: float) -> Count:
    """Give a count with at least as many requests as errors: an error may be counted a scrape before its request."""
    return Count(round(bad), max(round(of), round(bad)))


def curve(measure: Measure, samples: Samples) -> list[tuple[float, float]]:
    """Give the measure's value at each sample, over all events of the window so far: for people and charts."""
    if measure.kind in ("value", "alerts", "log_events"):
        return _worst(measure, samples)
    if measure.kind == "quantile":
        return list(_quantiles(measure, samples))
    bad, of = gained(samples.query, samples), gained(samples.total, samples)
    points, count, total = [], 0.0, 0.0
    for at in sorted({*bad, *of}):
        count, total = count + bad.get(at, 0), total + of.get(at, 0)
        share = count / total if total else math.nan
        points.append((at, count if measure.kind == "count" else share))
    return points


def quantile_edge(buckets: Mapping[float, float], quantile: float) -> float:
    """Give the upper bound of the bucket that holds a quantile: infinite beyond the last finite one, NaN of nothing.

    Args:
        buckets: Upper bound -> observations at or below it.
        quantile: Between 0 and 1.
    """
    count = max(buckets.values(), default=0)
    return (
        min((bound for bound, below in buckets.items() if below >= quantile * count), default=math.inf)
        if count
        else math.nan
    )


def no_data(measure: Measure, samples: Samples) -> str:
    """Say why nothing can be judged by these samples, or nothing."""
    if samples.reported == 0:  # guard: empty-window-of-a-soak
        return "the service was not scraped in the window; is Prometheus up and its target healthy?"
    if samples.reported < 0.8 * samples.expected:  # guard: gaps-in-a-window
        return f"expected {samples.expected} scrapes in the window, found {samples.reported}"
    if fault := samples.fault() or ("" if measure.kind == "value" else samples.below_nought()):
        return fault
    if measure.total and not samples.total:
        return f"no series for {measure.shown_total}; expected one once the flag is on"
    if measure.kind in ("value", "quantile") and not samples.query:
        return f"no series for {measure.shown}"
    if measure.total and (few := too_few(seen(measure, samples), 1)):  # guard: too-few-samples
        return few
    if measure.kind == "quantile":
        try:
            histograms(samples.query)
        except ValueError as error:
            return str(error)
    return ""


def seen(measure: Measure, samples: Samples) -> int:
    """Count the events that a measure is judged by, or the scrapes where it has no total."""
    return round(increase(samples.total, samples)) if measure.total else samples.reported


def _compared(gate: Measure, samples: Samples) -> GateResult:
    points = curve(gate, samples)
    value = points[-1][1] if points else None
    number = seen(gate, samples)
    if value is None:
        why = "no value came back"
        return GateResult(gate, Verdict.INCONCLUSIVE, value, number, why, samples.start, samples.end, points)
    verdict = Verdict.PASS if Threshold(gate.threshold).holds(value) else Verdict.FAIL
    few = too_few(number, FEWEST_WITHOUT_ERROR) if gate.kind == "count" and gate.total else ""
    if few and verdict is Verdict.PASS:
        return GateResult(gate, Verdict.INCONCLUSIVE, value, number, few, samples.start, samples.end, points)
    text = f"expected {gate.threshold} {gate.unit}".rstrip() + f", found {value:.4g} over {number} samples"
    return GateResult(gate, verdict, value, number, text, samples.start, samples.end, points)


def _worst(measure: Measure, samples: Samples) -> list[tuple[float, float]]:
    """Give the value of the worst instance at each time."""
    by_time: dict[float, list[float]] = {}
    for row in samples.query:
        for at, value in row.points:
            if at > samples.start:
                by_time.setdefault(at, []).append(value)
    return [(at, next(filter(measure.is_bad, values), max(values))) for at, values in sorted(by_time.items())]


def _quantiles(measure: Measure, samples: Samples) -> Iterator[tuple[float, float]]:
    found: dict[float, dict[float, float]] = {}
    counted: dict[float, float] = {}
    for histogram in histograms(samples.query):
        for bound, row in histogram.buckets.items():
            for at, count in gained([row], samples).items():
                found.setdefault(at, {})
                found[at][bound] = found[at].get(bound, 0) + count
    for at, gains in sorted(found.items()):
        for bound, count in gains.items():
            counted[bound] = counted.get(bound, 0) + count
        yield at, quantile_edge(counted, measure.quantile)
