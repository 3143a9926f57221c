"""Which path serves homework: the old client, or the new service with its metrics (21_01b.rollout.1-3)."""

from __future__ import annotations

from acceptance.observe.prometheus import Prometheus
from acceptance.wait import poll

REQUESTS = "homework_review_service_requests_total"
"""Only the new service exports it."""


def served(prometheus: Prometheus, job: str) -> dict[str, int]:
    """Count by operation what the new service says it did; empty when it exports nothing."""
    query = f'sum by (operation) ({REQUESTS}{{job="{job}",status="success"}})'
    return {sample.labels.get("operation", ""): round(sample.value) for sample in prometheus.instant(query)}


def path_findings(prometheus: Prometheus, job: str, new: bool, patience_s: float) -> list[str]:
    """Name the difference between the path that the flag asks for and the one that the metrics show.

    Args:
        prometheus: Where to look.
        job: The worker's.
        new: The flag's value.
        patience_s: Longest wait for the new service's metrics to be scraped.
    """
    if not new:
        seen = served(prometheus, job)
        return [f"the flag is false, but {job} still exports {REQUESTS} {seen}: restart it"] if seen else []
    if poll(lambda: served(prometheus, job), bool, patience_s):
        return []
    return [f"the flag is true, but {job} exports no {REQUESTS}: the old client is still used; restart the worker"]
