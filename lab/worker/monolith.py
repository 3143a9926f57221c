"""The old review use case: one function from the rate limit to publication."""

from typing import Any

from lab.service import log
from lab.worker.rate_limit import RateLimitError, SlidingWindow
from lab.worker.reports import Reports, about
from lab.worker.tasks import Task


class MonolithicReview:
    """The path while USE_DECOMPOSED_USE_CASE is off; it has no metrics of its own."""

    new = False

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._limit = SlidingWindow()

    async def run(self, task: Task) -> dict[str, Any]:
        """Do one review.

        Raises:
            RateLimitError: the student submits too often.
        """
        allowed = self._limit.allows(task.student_id)
        log("rate_limit_check", **about(task), allowed=allowed)
        if not allowed:
            raise RateLimitError
        analysis = await self._reports.analyse_logs(task)
        report = await self._reports.persist(task, analysis)
        await self._reports.publish(task)
        return {"report": report}
