"""Tell whether Prometheus sees a service steadily: its scrapes succeed, and its counters only grow.

Two processes behind one metrics address take turns in answering, each with counters of its own: every rate is wrong
then. Scrapes that fail now and then leave holes. Neither shows in what is asked at one moment (21_00.checklist.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile, pairwise

from acceptance.finding import Finding
from acceptance.gates.series import Row
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.verdict import Inconclusive

COUNTERS = ("process_cpu_seconds_total", "butler_messages_total", "butler_message_duration_seconds_count")
"""What grows in any service for as long as its process runs."""
SCRAPES, MOST = 8, 40
"""So many scrapes are waited for, and so many of the last ones are looked at."""
IN_DOUBT = 3 * SCRAPES
"""So many, where too many failed: a machine is busy for some seconds after restarts, and then it is not."""
CHANCE = 1
"""One failed scrape is chance."""
RESTARTS = 1
"""A process may be the successor of one that was still scraped after the oldest started."""
SHARE = 0.1
"""Of the scrapes, so many may fail."""


def unsteady(prometheus: Prometheus, job: str, since: float, step: float) -> list[Finding]:
    """Name the processes of a job whose scrapes fail now and then, or whose counters begin anew.

    Args:
        prometheus: The server, by whose clock it is.
        job: Whose.
        since: When its oldest process started, unix seconds.
        step: Seconds between scrapes.

    Raises:
        Inconclusive: Prometheus is out of reach, or has too few scrapes.
    """
    begin = max(since, prometheus.clock() - MOST * step)
    selector = f'{{__name__=~"{"|".join(("up", *COUNTERS))}",job="{job}"}}'

    def look() -> list[Row]:
        end = prometheus.clock()
        # Where a restart gives a process another address, that of the old one is down until it is forgotten.
        return [row for row in prometheus.raw(selector, begin, end) if row.points[-1][0] > end - 3 * step]

    rows = poll(look, lambda seen: _scrapes(seen) >= SCRAPES, 2 * SCRAPES * step)
    if _failed(rows):
        rows = poll(look, lambda seen: not _failed(seen) or _scrapes(seen) >= IN_DOUBT, IN_DOUBT * step)
    if (scrapes := _scrapes(rows)) < SCRAPES:
        told = f"expected {SCRAPES} scrapes of each process of job {job} since it is up, found {scrapes}"
        raise Inconclusive(f"{told}; see why Prometheus does not scrape it")
    counters = [row for row in rows if not _is_up(row)]
    return [*_failed(rows), *begun_anew(counters, RESTARTS)]


def _is_up(row: Row) -> bool:
    return row.labels.get("__name__") == "up"


def _scrapes(rows: Sequence[Row]) -> int:
    """Count the scrapes of the process with the fewest; one that was never up since is told elsewhere."""
    return min(filter(None, (len(_since_up(row)) for row in rows if _is_up(row))), default=0)


def _since_up(row: Row) -> list[float]:
    return list(dropwhile(lambda value: not value, (value for _, value in row.points)))


def _failed(rows: Iterable[Row]) -> list[Finding]:
    found = []
    for row in filter(_is_up, rows):
        scrapes = _since_up(row)
        failed = scrapes.count(0)
        if failed > max(CHANCE, SHARE * len(scrapes)):
            told = f"{failed} of {len(scrapes)} that failed since it is up"
            step = "see how long its metrics take to answer"
            found.append(Finding("scrapes fail", row.instance, "scrapes that succeed", told, next_step=step))
    return found


def begun_anew(counters: Iterable[Row], restarts: int = 0) -> list[Finding]:
    """Name the counters that fell more often than their process may have restarted meanwhile, each once."""
    found = []
    for row in counters:
        fell = sum(new < old for (_, old), (_, new) in pairwise(row.points))
        if fell > restarts:
            expected = f"{row.labels['__name__']} to grow for as long as its process runs"
            told = f"it began anew {fell} times in {len(row.points)} scrapes"
            step = "see whether its process restarted, or several answer at that address in turn"
            found.append(Finding("counters begin anew", row.instance, expected, told, next_step=step))
    return list(dict.fromkeys(found))  # its series, one for each of its labels' values, fall together
