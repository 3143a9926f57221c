"""Tell whether what a service holds grows with its requests: files, memory and threads (checklist, "Resource usage").

A file, a connection or a thread that each request leaves ends a service within hours, and no answer shows it before.
Threads are seen by the addresses that their stacks take: their number is exported by few.
"""

from __future__ import annotations

from collections.abc import Iterator

from acceptance.finding import Finding
from acceptance.observe.exported import await_scrape
from acceptance.observe.prometheus import Prometheus
from acceptance.verdict import NotApplicable

POOLS = 128
"""Open files that pools of connections may come to hold besides."""
SHARE = 0.5
"""Of the requests, so many may have left a file open: a client of ours may keep its connection for a while."""
SMALL, TIMES = 256 * 2**20, 1.5
"""Bytes of a small service, and how many times its memory a service may come to hold; as after 24 hours."""

STACK, POOL = 8 * 2**20, 4 * 2**30
"""Bytes of addresses that a thread's stack takes, and that pools of threads may come to take besides."""


def grown(prometheus: Prometheus, job: str, start: float, sent: int, patience_s: float) -> list[Finding]:
    """Name what has grown since the first of our requests more than a sound service does.

    Args:
        prometheus: The server.
        job: Whose.
        start: Before the first request, unix seconds.
        sent: How many were sent since.
        patience_s: As for `await_scrape`.

    Raises:
        NotApplicable: The service exports neither.
        Inconclusive: Prometheus is out of reach, or does not scrape the job.
    """
    await_scrape(prometheus, job, patience_s)
    files = _held(prometheus, "process_open_fds", job, start)
    memory = _held(prometheus, "process_resident_memory_bytes", job, start)
    addresses = _held(prometheus, "process_virtual_memory_bytes", job, start)
    if not (files or memory):
        raise NotApplicable(f"resources: {job} exports neither its open files nor its memory")
    return [*_files(job, files, sent), *_memory(job, memory), *_threads(job, addresses, sent)]


def _held(prometheus: Prometheus, metric: str, job: str, start: float) -> tuple[float, float] | None:
    query = f'sum({metric}{{job="{job}"}})'
    before, now = prometheus.instant(query, start), prometheus.instant(query)
    return (before[0].value, now[0].value) if before and now else None


def _files(job: str, held: tuple[float, float] | None, sent: int) -> Iterator[Finding]:
    if held and held[1] - held[0] > max(POOLS, SHARE * sent):
        expected = f"at most {max(POOLS, SHARE * sent):g} open files more after {sent} requests"
        step = "look for a file or a connection that is not closed"
        yield Finding("left open", job, expected, f"{held[0]:g} before, {held[1]:g} now", next_step=step)


def _memory(job: str, held: tuple[float, float] | None) -> Iterator[Finding]:
    if held and held[1] > TIMES * max(held[0], SMALL):
        expected = f"at most {TIMES * max(held[0], SMALL) / 2**20:.0f} MiB of memory after the soak"
        step = "look for what each request keeps"
        yield Finding(
            "memory grows", job, expected, f"{held[0] / 2**20:.0f} before, {held[1] / 2**20:.0f} now", next_step=step
        )


def _threads(job: str, held: tuple[float, float] | None, sent: int) -> Iterator[Finding]:
    most = max(POOL, SHARE * sent * STACK)
    if held and held[1] - held[0] > most:
        expected = f"at most {most / 2**30:.0f} GiB of addresses more after {sent} requests"
        found = f"{held[0] / 2**30:.1f} before, {held[1] / 2**30:.1f} now"
        yield Finding("threads left", job, expected, found, next_step="look for threads that nobody ends")
