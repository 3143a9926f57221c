"""Compare two stretches of one deployment, before and after a change: every service and measure, by `rules`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from acceptance.baseline import readings as of
from acceptance.baseline.readings import Baseline, Readings
from acceptance.baseline.rules import Comparison, Limit, judge_errors, judge_levels, judge_p95, judge_tail
from acceptance.gates.statistics import Count
from acceptance.verdict import Verdict

LATENCY = Limit(2.0, 0.05, 1e-6, "s")
"""Nobody notices a change that stays below 100 ms: the least baseline is half of that."""
CPU = Limit(2.0, 0.25, 1e-3, "cores")
MEMORY = Limit(1.5, 256.0, 1.0, "MiB")
ALPHA = 0.05
"""Chance of any false alarm in one whole comparison."""
DISK = 0.5
"""Share of the free disk that must be left."""

Judge = Callable[[float], Comparison]
"""A comparison that still needs the level of its test."""


def compare(before: Baseline, after: Baseline, times: int = 1) -> list[Comparison]:
    """Compare two stretches of one deployment.

    The level of each test is 5 % divided by their number, so that an unchanged deployment gives a false alarm in at
    most one of twenty comparisons.

    Args:
        before: The baseline.
        after: The same now.
        times: How often it may be compared, with other stretches, until something is known: the level is for them all.
    """
    judges = [judge for name in before.services for judge in _judges(name, before, after)]
    judged = [judge(ALPHA / len(judges) / times) for judge in judges]
    return [*_presence(before, after), *judged, _alerts(before, after), _disk(before, after)]


def wants_more(found: Sequence[Comparison]) -> bool:
    """Tell whether a longer stretch would help: nothing is worse, and something was seen too seldom to judge."""
    verdicts = {each.verdict for each in found}
    return Verdict.FAIL not in verdicts and any(
        each.verdict is Verdict.INCONCLUSIVE and all(each.samples) for each in found
    )


def may_pass(found: Sequence[Comparison]) -> bool:
    """Tell whether all that is worse is what a busy minute of the machine makes worse, and the next one may not."""
    worse = [each.measure for each in found if each.verdict is Verdict.FAIL]
    return bool(worse) and all(measure == "CPU" or "latency" in measure for measure in worse)


def _judges(name: str, before: Baseline, after: Baseline) -> Iterator[Judge]:
    old, new = before.services[name], after.services.get(name, Readings())
    for family in dict.fromkeys((*old.calls, *new.calls)):
        yield from _of_family(name, family, before, after)
    if old.probes and new.probes:
        errors = of.probe_errors(old.probes), of.probe_errors(new.probes)
        yield partial(judge_errors, name, "errors of our own requests", *errors)
        means = of.probe_means(old.probes, before), of.probe_means(new.probes, after)
        yield partial(judge_levels, name, "mean latency of our own requests", *means, LATENCY)
        times = [probe.seconds for probe in old.probes], [probe.seconds for probe in new.probes]
        yield partial(judge_tail, name, "p95 latency of our own requests", *times, LATENCY)
    elif old.probes or new.probes:
        when = "before" if old.probes else "after"
        yield _known(name, "our own requests", Verdict.SKIPPED, f"sent {when} only: there is nothing to compare")
    if not (old.resources and new.resources):
        yield _known(name, "CPU and memory", Verdict.SKIPPED, "declared absent (ABSENT in the target file)")
        return
    yield partial(judge_levels, name, "CPU", of.cpu_levels(old, before), of.cpu_levels(new, after), CPU)
    yield partial(judge_levels, name, "memory", of.memory_levels(old, before), of.memory_levels(new, after), MEMORY)


def _of_family(name: str, family: str, before: Baseline, after: Baseline) -> Iterator[Judge]:
    old = before.services[name].calls.get(family)
    new = after.services[name].calls.get(family) if name in after.services else None
    if new is None:
        lost = "exported before and not now: was a flag rolled back, were there no calls, or is the metric lost?"
        yield _known(name, family, Verdict.INCONCLUSIVE, lost)
        return
    count = of.errors_of(old, before) if old else Count(0, 0)
    yield partial(judge_errors, name, f"errors of {family}", count, of.errors_of(new, after))
    if old is None:
        fresh = "not exported at the time of the baseline: its gate judges it, a comparison cannot"
        yield _known(name, f"latency of {family}", Verdict.SKIPPED, fresh)
        return
    means = of.mean_latencies(old, before), of.mean_latencies(new, after)
    yield partial(judge_levels, name, f"mean latency of {family}", *means, LATENCY)
    buckets = of.bucket_counts(old, before), of.bucket_counts(new, after)
    yield partial(judge_p95, name, f"p95 latency of {family}", *buckets, LATENCY)


def _known(subject: str, measure: str, verdict: Verdict, reason: str) -> Judge:
    """Give a comparison that needs no test."""
    return lambda _: Comparison(subject, measure, verdict, reason)


def _presence(before: Baseline, after: Baseline) -> Iterator[Comparison]:
    """Judge whether each service is up at the end of the second stretch."""
    for name in before.services:
        up = after.services[name].up if name in after.services else ()
        verdict, reason = Verdict.INCONCLUSIVE, "expected scrapes, found none: is its Prometheus job still there?"
        if up:
            down = sum(not value for _, value in up)
            verdict = Verdict.PASS if up[-1][1] else Verdict.FAIL
            reason = f"{'up' if up[-1][1] else 'down'} at the end; down in {down} of {len(up)} samples"
        yield Comparison(name, "up", verdict, reason)


def _alerts(before: Baseline, after: Baseline) -> Comparison:
    new = sorted(set(after.alerts) - set(before.alerts))
    old = len(set(after.alerts) & set(before.alerts))
    reason = f"new: {', '.join(new)}" if new else f"none fires that did not before ({old} did)"
    return Comparison("alerts", "firing", Verdict.FAIL if new else Verdict.PASS, reason)


def _disk(before: Baseline, after: Baseline) -> Comparison:
    old, new = before.disk_free, after.disk_free
    if old is None or new is None:
        reason = "the disk of the archives cannot be seen from this host"
        verdict = Verdict.SKIPPED if old is None else Verdict.INCONCLUSIVE
        return Comparison("archives", "free disk", verdict, reason)
    good = new >= DISK * old
    reason = f"{old / 2**30:.1f} -> {new / 2**30:.1f} GiB, expected at least {DISK:.0%} of what was free"
    return Comparison("archives", "free disk", Verdict.PASS if good else Verdict.FAIL, reason, old, new, "bytes")
