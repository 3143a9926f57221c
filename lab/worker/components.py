"""What `/health/components` says of the review's collaborators, the same on either path."""

from lab.service import Settings
from lab.worker.reports import Reports


async def component_states(reports: Reports, settings: Settings) -> dict[str, str]:
    """`healthy` or `unhealthy` by component; those that need MongoDB are as healthy as it is."""
    try:
        await reports.ready()
    except Exception:
        stored = "unhealthy"
    else:
        stored = "healthy"
    pipeline = "unhealthy" if settings.fault("component-unhealthy") else stored
    return {"RateLimiter": "healthy", "LogAnalysisPipeline": pipeline, "ReportPublisher": stored}
