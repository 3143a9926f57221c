"""What a job exports after something was done: looked at when a scrape has seen it, not before.

A counter has no series until its first event, and Prometheus none of it until the next scrape. So that a metric is
absent says something only of a scrape that began after what would have made it. Source: "Validate with flag off".
"""

from __future__ import annotations

from acceptance.observe.prometheus import Prometheus
from acceptance.verdict import Inconclusive
from acceptance.wait import poll


def names_after(prometheus: Prometheus, job: str, prefix: str, patience_s: float) -> set[str]:
    """Give the metric names with this prefix that the job exports, by a scrape that began after this call.

    Args:
        prometheus: The server.
        job: Whose metrics.
        prefix: Of the names.
        patience_s: Within how many seconds every target of the job must be scraped anew.

    Raises:
        Inconclusive: There was no such scrape, or Prometheus is out of reach.
    """
    now = prometheus.clock()
    seen = poll(lambda: _last_scrape(prometheus, job), lambda at: at > now, patience_s)
    if seen <= now:
        raise Inconclusive(
            f"expected Prometheus to scrape job {job} within {patience_s:g} s, found the last scrape "
            f"{now - seen:.0f} s before; without one, that there is no {prefix}* says nothing; look at its target"
            if seen
            else f"expected Prometheus to scrape job {job}, found no target that is up; look at its targets"
        )
    return prometheus.names(job, prefix)


def _last_scrape(prometheus: Prometheus, job: str) -> float:
    """Give when the job's target that was scraped longest ago was last scraped with success; 0 for none."""
    up = f'up{{job="{job}"}}'
    found = prometheus.instant(f"timestamp({up}) and {up} == 1")  # of «up == 1» it would be the query's own time
    return min((sample.value for sample in found), default=0.0)
