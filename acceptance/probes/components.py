"""What the worker says of the review's collaborators (21_01d.monitor.2; contract, ``GET /health/components``)."""

from __future__ import annotations

import httpx

from acceptance.probes.calls import Caller

PATH = "/health/components"
COMPONENTS = ("RateLimiter", "LogAnalysisPipeline", "ReportPublisher")


def component_findings(worker: Caller) -> list[str]:
    """Name the collaborators that are not healthy, or what keeps them from being seen; a 200 says nothing."""
    answer = worker.get(PATH)
    if answer.exchange.status != httpx.codes.OK or not isinstance(answer.payload, dict):
        return [f"expected 200 with the state of each collaborator, found: {answer.exchange.explain()}"]
    return [
        f"expected {name} to be healthy, found {answer.get(name) or 'no word of it'}"
        for name in COMPONENTS
        if answer.get(name) != "healthy"
    ]
