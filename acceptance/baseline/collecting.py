"""Collect a baseline: the raw samples that Prometheus holds of each service, and our own requests to them.

Source: checklist items pre.technical.5, 21_00.checklist.2; the metric names are the target contract's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from acceptance.baseline.readings import Baseline, Calls, Readings
from acceptance.disk import free_bytes
from acceptance.gates.measures import Measure
from acceptance.gates.series import Row, Samples, Series, gained, histograms
from acceptance.observe.exported import last_good_scrape, slow_scrape_s
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.probes.traffic import Probe, drive
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive


@dataclass(frozen=True)
class Family:
    """Metrics of one kind of call: a counter, the part of it that is errors, and a histogram of durations."""

    name: str
    total: str
    errors: str
    latency: str


def _family(name: str, total: str, errors: str = 'status="error"', latency: str = "") -> Family:
    return Family(name, total, f"{total}|{errors}", latency or f"{name}_latency_seconds")


FAMILIES = (
    _family("butler_messages", "butler_messages_total", latency="butler_message_duration_seconds"),
    _family("dialog_context_repository", "dialog_context_repository_operations_total"),
    _family("homework_review_service", "homework_review_service_requests_total"),
    _family(
        "review_archive_storage",
        "review_archive_storage_operations_total",
        'status="error",error_type!~"checksum_failed|av_scan_reject|size_limit"',
    ),
    Family(
        "review_submission",
        "review_submission_duration_seconds_count",
        "review_submission_use_case_errors_total|",
        "review_submission_duration_seconds",
    ),
)
"""What a service may export; the flags decide which of it exists. Refusals of hostile uploads are no errors."""


def collect(
    target: Target,
    prometheus: Prometheus,
    seconds: float,
    *,
    end: float | None = None,
    probes: Mapping[str, Sequence[Probe]] | None = None,
) -> Baseline:
    """Collect the last `seconds` up to `end` (now by default), with our own requests of that time, if any.

    Raises:
        Inconclusive: Prometheus is out of reach, or scraped none of the services in that time.
    """
    # Prometheus answers in milliseconds: a finer start would make its first point lie after the start.
    end = round(time.time() if end is None else end, 3)
    start = round(end - seconds, 3)
    step = target.scrape_interval_s
    window = _Window(prometheus, start, end, step)
    services = {
        service.name: window.readings(
            service.job, (probes or {}).get(service.name, ()), target.has_resources(service.key)
        )
        for service in target.services.values()
    }
    if not any(readings.up for readings in services.values()):
        jobs = ", ".join(service.job for service in target.services.values())
        raise Inconclusive(
            f"Prometheus at {prometheus.url} holds no sample of the jobs {jobs} of the last {seconds:g} s; "
            "check its targets and the *_JOB keys of the target file"
        )
    alerts = tuple(sorted(prometheus.firing_alerts()))
    return Baseline(target.name, start, end, step, services, alerts, _free(target))


def measure(
    target: Target,
    prometheus: Prometheus,
    seconds: float,
    *,
    new_id: Callable[[str], str],
    trace_prefix: str,
    least: int = 0,
) -> Baseline:
    """Send traffic to every service for `seconds`, so that there is something to see, and collect that time.

    Args:
        target: Where; its `traffic_per_minute` bounds the requests to each service.
        prometheus: Its Prometheus.
        seconds: Length.
        new_id: Makes the id of a test user; what it owns is removed at the end of the run.
        trace_prefix: Of the run.
        least: Requests to each service, however long they take.

    Raises:
        Inconclusive: As for `collect`.
    """
    # From a scrape on that is over: one that is answered late would hold our first requests as if they came before.
    start = time.time() - slow_scrape_s(target.scrape_interval_s)
    probes = drive(target, seconds, new_id=new_id, trace_prefix=trace_prefix, least=least)
    _await_scrapes(target, prometheus, prometheus.clock())
    now = time.time()
    return collect(target, prometheus, now - start, end=now, probes=probes)


def _await_scrapes(target: Target, prometheus: Prometheus, since: float) -> None:
    """Wait until every service was scraped with success after `since`, so that its last requests are counted.

    Gives up after the target's patience: what was not counted by then is told by the numbers themselves.
    """
    jobs = [service.job for service in target.services.values()]
    poll(
        lambda: min(last_good_scrape(prometheus, job) for job in jobs), lambda at: at > since, target.scrape_patience_s
    )


class _Window:
    """One stretch of time, as Prometheus holds it."""

    def __init__(self, prometheus: Prometheus, start: float, end: float, step: float) -> None:
        self._prometheus = prometheus
        self._when = (start, end, step)

    def readings(self, job: str, probes: Sequence[Probe], resources: bool) -> Readings:
        calls = {family.name: self._calls(family, job) for family in FAMILIES}
        return Readings(
            up=self._one(f'min(up{{job="{job}"}})'),
            cpu=self._gained("process_cpu_seconds_total", job),
            memory=self._one(f'sum(process_resident_memory_bytes{{job="{job}"}})'),
            calls={name: found for name, found in calls.items() if found.total},
            probes=tuple(probes),
            resources=resources,
        )

    def _calls(self, family: Family, job: str) -> Calls:
        total = self._gained(family.total, job)
        if not total:
            return Calls()
        counter, _, labels = family.errors.partition("|")
        return Calls(
            total=total,
            errors=self._gained(counter, job, labels),
            seconds=self._gained(f"{family.latency}_sum", job),
            buckets=self._buckets(f"{family.latency}_bucket", job),
        )

    def _samples(self, name: str, job: str, labels: str = "") -> Samples:
        selector = f'{name}{{job="{job}"{labels and ","}{labels}}}'
        measure = Measure(name, name, (), "count", selector, ">= 0")
        samples = self._prometheus.samples(measure, job, *self._when)
        if fault := samples.fault():
            raise Inconclusive(f"job {job}: {fault}")
        return samples

    def _gained(self, name: str, job: str, labels: str = "") -> Series:
        """Give what a counter gained since the start, of all instances; nothing where it is not exported."""
        samples = self._samples(name, job, labels)
        return _summed(samples.query, samples)

    def _buckets(self, name: str, job: str) -> dict[str, Series]:
        samples = self._samples(name, job)
        try:
            found = histograms(samples.query)
        except ValueError as error:
            raise Inconclusive(f"job {job}: {error}") from error
        bounds = sorted({bound for histogram in found for bound in histogram.buckets})
        return {
            str(bound): _summed([each.buckets[bound] for each in found if bound in each.buckets], samples)
            for bound in bounds
        }

    def _one(self, query: str) -> Series:
        return next(iter(self._prometheus.range(query, *self._when).values()), ())


def _summed(rows: Sequence[Row], samples: Samples) -> Series:
    """Add what the series gained; a series that ended before the stretch, as of a restored flag, is left out."""
    there = [row for row in rows if row.points and row.points[-1][0] > samples.start]
    gains = gained(there, samples)
    return [(samples.start, 0.0), *zip(gains, accumulate(gains.values()), strict=True)] if there else []


def _free(target: Target) -> int | None:
    try:
        return free_bytes(target.storage.root)
    except Inconclusive:
        return None  # the archives lie on another host
