"""Count what counters gained, from raw samples, by one rule. Pure.

Each series gains on its own, then the gains are added: a sum over instances hides a restart of one behind the other and
shows a failed scrape of one as a fall and a rise. A counter that first shows within the window began at 0. A fall, a
good scrape without it, or a new start of the process, begins at 0 again. Samples that are not finite are left out, and
told as a fault.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

Series = Sequence[tuple[float, float]]
"""One series of raw samples: (unix seconds, value), ascending."""
SAME_START_S = 0.1
"""Two start times that are nearer than this, in seconds, are one process's: some clients work it out at each scrape."""


@dataclass(frozen=True)
class Row:
    """One series with its labels."""

    labels: Mapping[str, str]
    points: Series

    @property
    def instance(self) -> str:
        """The scraped address; empty where there is no such label."""
        return self.labels.get("instance", "")


@dataclass(frozen=True)
class Samples:
    """The raw samples of one measure, of its window and of some time before.

    Attributes:
        start: Window start, unix seconds.
        end: Window end, unix seconds.
        step: Seconds between scrapes.
        query: The series of `query`; for a quantile the buckets of the histograms.
        total: The series of `total`, empty where the measure has none.
        up: Of each instance of the service, 1 or 0 a scrape.
        started: Of each instance, when its process started, unix seconds.
    """

    start: float
    end: float
    step: float
    query: Sequence[Row]
    total: Sequence[Row] = ()
    up: Sequence[Row] = ()
    started: Sequence[Row] = ()

    @property
    def expected(self) -> int:
        """How many scrapes of each instance the window should hold."""
        return max(1, math.floor((self.end - self.start) / self.step))

    @property
    def reported(self) -> int:
        """How many good scrapes there were of the instance with the fewest: half a service is half not seen.

        A restart may give an instance another address: one that is gone does not count where as many are there as
        before, and one that came for it is not missed while that was there, nor one more before it came.
        """
        rows = [row for row in self.up if row.points]
        first = min((row.points[0][0] for row in rows), default=0.0) + self.step
        there = [row for row in rows if row.points[-1][0] > self.end - 2 * self.step]
        if not there or len(there) < sum(row.points[0][0] <= first for row in rows) or len(rows) < len(self.up):
            return min(map(self._good, self.up), default=0)
        gone = (self._good(row) for row in rows if row.points[-1][0] <= self.end - 2 * self.step)
        others = max(gone, default=self.expected)
        return min(self._good(row) + others * (row.points[0][0] > first) for row in there)

    def _good(self, row: Row) -> int:
        return sum(up == 1 for at, up in row.points if at > self.start)

    @property
    def newest(self) -> float:
        """When the newest scrape of as many instances as there were before was, unix seconds; 0 for none."""
        last = sorted((row.points[-1][0] for row in self.up if row.points), reverse=True)
        before = sum(bool(row.points) and row.points[0][0] <= self.start for row in self.up)
        return last[max(1, min(before, len(last))) - 1] if last else 0.0

    def fault(self) -> str:
        """Say why the samples cannot be counted, or nothing."""
        for row in (*self.query, *self.total):
            if bad := [value for at, value in row.points if at > self.start and not math.isfinite(value)]:
                return f"{len(bad)} samples are no number ({bad[0]}) in {shown(row.labels)}"
        return self._process_fault() or self._scraped_fault() or self._vanished()

    def below_nought(self) -> str:
        """Name a counter that is negative, and so is none."""
        rows = (row for row in (*self.query, *self.total) if any(at > self.start and n < 0 for at, n in row.points))
        return next((f"{shown(row.labels)} is negative: it is no counter" for row in rows), "")

    def _vanished(self) -> str:
        """Name a series that ended although its process goes on and is scraped: renamed, relabelled or dropped."""
        for row in (*self.query, *self.total):
            last = row.points[-1][0] if row.points else 0.0
            times, starts = self.starts.get(row.instance, ((), ()))
            place = bisect_right(times, last)
            goes_on = place > 0 and starts[-1] <= starts[place - 1] + SAME_START_S
            # guard: series-that-ended
            if goes_on and self.start < last < max(self.scraped.get(row.instance, ()), default=0.0) - 2 * self.step:
                return f"{shown(row.labels)} ended at {last:.0f}, although its process is scraped: renamed or dropped?"
        return ""

    @cached_property
    def scraped(self) -> Mapping[str, Sequence[float]]:
        """Of each instance, when it was scraped with success, ascending."""
        return {one: [at for at, up in points if up == 1] for one, points in joined(self.up).items()}

    @cached_property
    def restarts(self) -> Mapping[str, Sequence[float]]:
        """Of each instance, when any of its counters shows that its process is another, and all of them began at 0.

        It fell, or a good scrape did not find it and a later one did. What a process is asked for the first time it
        does not export before; so the first good scrape after the old one's last sample is the new one's, however late
        the counter came back. Nothing is worked out where the process says when it started.
        """
        known, found = {one.instance for one in self.started}, dict[str, set[float]]()
        for row in (each for each in (*self.query, *self.total) if each.instance not in known):
            scraped = self.scraped.get(row.instance, ())
            numbers = {at: number for number, at in enumerate(scraped)}
            for earlier, later in pairwise(row.points):
                absent = earlier[0] in numbers and numbers.get(later[0], 0) > numbers[earlier[0]] + 1
                if later[1] < earlier[1] or absent:
                    first = min((at for at in scraped if at > earlier[0]), default=later[0])
                    found.setdefault(row.instance, set()).add(min(first, later[0]))
        return {instance: sorted(times) for instance, times in found.items()}

    @cached_property
    def starts(self) -> Mapping[str, tuple[Sequence[float], Sequence[float]]]:
        """Of each instance, when it was scraped, and when its process had started by each scrape."""
        return {
            instance: ([at for at, _ in points], [value for _, value in points])
            for instance, points in joined(self.started).items()
        }

    def _scraped_fault(self) -> str:
        """Say that what is counted is not that of one process for each instance that is scraped."""
        seen: dict[str, Row] = {}
        for row in sorted((row for row in self.up if row.points), key=lambda row: row.points[0][0]):
            before = seen.get(row.instance)
            # One after the other they may be two: the name of a pod changes with a restart.
            # guard: scrapes-that-are-there-twice
            if before and max(row.points[0][0], self.start) < before.points[-1][0]:
                return f"a target is there twice, as {shown(before.labels)} and {shown(row.labels)}: all would count so"
            seen[row.instance] = row
        for row in (*self.query, *self.total):
            # guard: series-of-no-target
            if row.instance not in seen and row.points and row.points[-1][0] > self.start:
                return f"{shown(row.labels)} is of no target that is scraped for this job: was it pushed?"
        return ""

    def _process_fault(self) -> str:
        for row in self.started:
            if any(later < earlier - SAME_START_S for (_, earlier), (_, later) in pairwise(row.points)):
                return f"two processes answer in turn at {row.instance}: their counters cannot be told apart"
        latest = Counter(row.points[-1][1] for row in self.started if row.points and row.points[-1][0] > self.start)
        if twice := [row.instance for row in self.started if row.points and latest[row.points[-1][1]] > 1]:
            return f"one process is scraped more than once, as {' and '.join(sorted(twice))}: it would count twice"
        return ""


def gains(row: Row, samples: Samples) -> Iterator[tuple[float, float]]:
    """Give what a counter gained at each of its samples within the window."""
    (times, starts), restarts = samples.starts.get(row.instance, ((), ())), samples.restarts.get(row.instance, ())
    last, seen, process = 0.0, -math.inf, None
    for at, value in row.points:
        if not math.isfinite(value):
            continue
        place = bisect_right(times, at)
        now = starts[place - 1] if place else None
        if at > samples.start:
            new = (
                value < last
                or any(seen < each <= at for each in restarts)
                or (process is not None and now is not None and now > process + SAME_START_S)
            )
            yield at, value if new else value - last
        last, seen, process = value, at, now


def joined(rows: Sequence[Row]) -> Mapping[str, Series]:
    """Give the samples of each instance, whose other labels may change with a restart."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row.instance, []).extend(row.points)
    return {instance: sorted(points) for instance, points in found.items()}


def gained(rows: Sequence[Row], samples: Samples) -> dict[float, float]:
    """Give what all series together gained, by the time of the sample, ascending."""
    found: dict[float, float] = {}
    for row in rows:
        for at, gain in gains(row, samples):
            found[at] = found.get(at, 0.0) + gain
    return dict(sorted(found.items()))


def increase(rows: Sequence[Row], samples: Samples) -> float:
    """Count the new events on some counters in the window."""
    return sum(gained(rows, samples).values())


@dataclass(frozen=True)
class Histogram:
    """One histogram: upper bound -> its counter. A bound has one spelling here, whether `le` is `1` or `1.0`."""

    labels: Mapping[str, str]
    buckets: Mapping[float, Row]

    @property
    def count(self) -> Row:
        """The counter of all observations."""
        return self.buckets[math.inf]

    def over(self, limit: float) -> tuple[Row | None, Row | None]:
        """Give the counters at or below the nearest bound from `limit` up, and from `limit` down; None for none."""
        above = min(bound for bound in self.buckets if bound >= limit)
        below = max((bound for bound in self.buckets if bound <= limit), default=None)
        return self.buckets[above], None if below is None else self.buckets[below]


def histograms(rows: Sequence[Row]) -> list[Histogram]:
    """Join the buckets of each histogram.

    Raises:
        ValueError: One has no bucket `+Inf`, or a row has no bound.
    """
    found: dict[tuple[tuple[str, str], ...], dict[float, dict[float, float]]] = {}
    for row in rows:
        rest = tuple(sorted((name, value) for name, value in row.labels.items() if name != "le"))
        points = found.setdefault(rest, {}).setdefault(float(row.labels.get("le", "nan")), {})
        for at, value in row.points:
            points[at] = max(value, points.get(at, value))
    incomplete = [dict(rest) for rest, buckets in found.items() if math.inf not in buckets]
    if incomplete:
        raise ValueError(f"the histogram {shown(incomplete[0])} has no bucket +Inf")
    return [
        Histogram(dict(rest), {bound: Row(dict(rest), sorted(points.items())) for bound, points in buckets.items()})
        for rest, buckets in found.items()
    ]


def shown(labels: Mapping[str, str]) -> str:
    """Write a series as Prometheus does."""
    rest = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return f"{labels.get('__name__', '')}{{{rest}}}"
