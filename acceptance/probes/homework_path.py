"""What the new homework service says that it served; the old client says nothing (21_01b.rollout.1-3)."""

from __future__ import annotations

from acceptance.observe.prometheus import Prometheus

REQUESTS = "homework_review_service_requests_total"
"""Only the new service exports it."""


def served(prometheus: Prometheus, job: str) -> dict[str, int]:
    """Count by operation what the new service says it did; empty when it exports nothing."""
    query = f'sum by (operation) ({REQUESTS}{{job="{job}",status="success"}})'
    return {sample.labels.get("operation", ""): round(sample.value) for sample in prometheus.instant(query)}
