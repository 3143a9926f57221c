"""Read what a job exports after an act, once a scrape has seen it.

A counter has no series until its first event, and Prometheus none of it until the next scrape. So that a metric is
absent says something only of a scrape that began after what would have made it. Source: "Validate with flag off".
"""

from __future__ import annotations

from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.verdict import Inconclusive

_SLOW_SCRAPE_S = 2.0


def slow_scrape_s(step: float) -> float:
    """Give how many seconds after its time stamp a scrape may still be answered: what is counted by then is in it.

    Args:
        step: Seconds between scrapes; the next one waits for it.
    """
    return min(step, _SLOW_SCRAPE_S)


def await_scrape(prometheus: Prometheus, job: str, patience_s: float) -> None:
    """Wait until every target of a job was scraped with success, by scrapes that began after this call.

    Args:
        prometheus: The server, by whose clock it is.
        job: Whose targets.
        patience_s: Longest wait, in seconds.

    Raises:
        Inconclusive: A target was not scraped in time, there is none, or Prometheus is out of reach.
    """
    now = prometheus.clock()
    seen = poll(lambda: last_good_scrape(prometheus, job), lambda at: at > now, patience_s)
    if not seen:
        raise Inconclusive(
            f"expected Prometheus to scrape every target of job {job}, found one down, or none; look at them"
        )
    if seen <= now:
        raise Inconclusive(
            f"expected Prometheus to scrape every target of job {job} within {patience_s:g} s, found one scraped last "
            f"{now - seen:.0f} s before; without a scrape, what is not there says nothing; look at its targets"
        )


def still_exported(prometheus: Prometheus, job: str, prefix: str, patience_s: float, *, used: bool = False) -> set[str]:
    """Give the metrics with this prefix that a job still exports after the wait; none once they are gone.

    Where a restart gives a target another name, the old one's series end a few scrapes later.

    Args:
        prometheus: The server.
        job: Whose metrics.
        prefix: Of the names.
        patience_s: Longest wait for them to be gone, in seconds.
        used: As for `Prometheus.names`.

    Raises:
        Inconclusive: Prometheus is out of reach.
    """
    return poll(lambda: prometheus.names(job, prefix, used=used), lambda names: not names, patience_s)


def last_attempt(prometheus: Prometheus, job: str, at: float | None = None) -> float:
    """Give the oldest last scrape among the job's targets, successful or not, in unix seconds; 0 for none.

    Args:
        prometheus: The server.
        job: Whose targets.
        at: As of when, unix seconds; now by default.

    Raises:
        Inconclusive: Prometheus is out of reach.
    """
    return min((sample.value for sample in prometheus.instant(f'timestamp(up{{job="{job}"}})', at)), default=0.0)


def last_good_scrape(prometheus: Prometheus, job: str) -> float:
    """Give the oldest last scrape among the job's targets, in unix seconds; 0 where there is none or one is down.

    Raises:
        Inconclusive: Prometheus is out of reach.
    """
    up = f'up{{job="{job}"}}'
    found = prometheus.instant(f"timestamp({up}) * {up}")  # of «up == 1» it would be the query's own time
    return min((sample.value for sample in found), default=0.0)
