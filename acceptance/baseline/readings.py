"""Hold the raw samples of each service over one stretch of time, and compute figures from them.

Only raw samples are kept; every number is worked out from them again, so that a baseline of last week is judged by
today's rules. Source: checklist items pre.technical.5, 21_00.checklist.2, post24.monitoring.1-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from acceptance.gates.judging import quantile_edge
from acceptance.gates.series import Series
from acceptance.gates.statistics import Count
from acceptance.probes.traffic import Probe

WINDOWS = 8
"""Most windows that a stretch is cut into: enough for a test over windows to see, few enough to hold something."""


@dataclass(frozen=True)
class Calls:
    """The raw counters of one family of metrics, such as `butler_messages`.

    Attributes:
        total: Calls since the stretch began, of all instances together; empty where the family is not exported.
        errors: Those that failed; empty until the first.
        seconds: Sum of their durations.
        buckets: Upper bound as Prometheus writes it -> calls at or below it.
    """

    total: Series = ()
    errors: Series = ()
    seconds: Series = ()
    buckets: Mapping[str, Series] = field(default_factory=dict)


@dataclass(frozen=True)
class Readings:
    """The raw samples of one service.

    Attributes:
        up: 1 or 0 a scrape.
        cpu: Counter of CPU seconds.
        memory: Resident bytes.
        calls: By family; only families that were exported.
        probes: Requests of our own, where there were any.
        resources: Whether CPU and memory are measured; the target file may declare that they are not.
    """

    up: Series = ()
    cpu: Series = ()
    memory: Series = ()
    calls: Mapping[str, Calls] = field(default_factory=dict)
    probes: Sequence[Probe] = ()
    resources: bool = True


@dataclass(frozen=True)
class Baseline:
    """One stretch of time.

    Attributes:
        target: Name of the target.
        start: Unix seconds.
        end: Unix seconds.
        step: Seconds between samples.
        services: By the service's name.
        alerts: Alerts that fired at its end.
        disk_free: Bytes left for the archives; None where the disk cannot be seen from here.
    """

    target: str
    start: float
    end: float
    step: float
    services: Mapping[str, Readings]
    alerts: Sequence[str] = ()
    disk_free: int | None = None

    def windows(self) -> list[tuple[float, float]]:
        """Cut the stretch into windows of equal length, each of two scrapes at least."""
        count = max(1, min(WINDOWS, int((self.end - self.start) / (2 * self.step))))
        width = (self.end - self.start) / count
        return [(self.start + i * width, self.start + (i + 1) * width) for i in range(count)]


def between(series: Series, start: float, end: float) -> Series:
    """Give the samples of (start, end], led by the last one at or before `start`."""
    before = [point for point in series if point[0] <= start]
    return [*before[-1:], *(point for point in series if start < point[0] <= end)]


def growth(series: Series, start: float, end: float) -> float:
    """Count what a counter gained in (start, end]; a restart of its process is no loss."""
    values = [0.0, *(value for _, value in between(series, start, end))]
    values = values if series and series[0][0] > start else values[1:]
    return sum(new - old if new >= old else new for old, new in pairwise(values))


def errors_of(calls: Calls, stretch: Baseline) -> Count:
    """Count a family's errors out of its calls."""
    total = round(growth(calls.total, stretch.start, stretch.end))
    return Count(min(total, round(growth(calls.errors, stretch.start, stretch.end))), total)


def probe_errors(probes: Sequence[Probe]) -> Count:
    """Count our own requests with something wrong."""
    return Count(sum(bool(probe.fault) for probe in probes), len(probes))


def cpu_levels(readings: Readings, stretch: Baseline) -> list[float]:
    """Give the CPU cores in use, for each window that was seen from its start on."""
    seen = [(a, b) for a, b in stretch.windows() if _covered(readings.cpu, a, b)]
    return [growth(readings.cpu, a, b) / (b - a) for a, b in seen]


def memory_levels(readings: Readings, stretch: Baseline) -> list[float]:
    """Give the most resident MiB of each window that was seen."""
    found = ([value for at, value in readings.memory if a < at <= b] for a, b in stretch.windows())
    return [max(values) / 2**20 for values in found if values]


def mean_latencies(calls: Calls, stretch: Baseline) -> list[float]:
    """Give the mean duration in seconds of each window with calls: exact, whatever the buckets are."""
    sums = [(growth(calls.seconds, a, b), growth(calls.total, a, b)) for a, b in stretch.windows()]
    return [seconds / total for seconds, total in sums if total > 0]


def probe_means(probes: Sequence[Probe], stretch: Baseline) -> list[float]:
    """Give the mean duration in seconds of our own requests, for each window with some."""
    found = ([probe.seconds for probe in probes if a < probe.at <= b] for a, b in stretch.windows())
    return [fmean(values) for values in found if values]


def bucket_counts(calls: Calls, stretch: Baseline) -> dict[float, float]:
    """Give upper bound in seconds -> calls at or below it, over the whole stretch."""
    return {float(le): growth(series, stretch.start, stretch.end) for le, series in calls.buckets.items()}


def quantiles(calls: Calls, stretch: Baseline) -> dict[str, float]:
    """Give the bucket bounds in seconds at or below which p50, p95 and p99 lie; NaN without calls."""
    counts = bucket_counts(calls, stretch)
    return {f"p{round(100 * q)}": quantile_edge(counts, q) for q in (0.5, 0.95, 0.99)}


def _covered(series: Series, start: float, end: float) -> bool:
    times = [at for at, _ in series]
    return any(at <= start for at in times) and any(start < at <= end for at in times)
