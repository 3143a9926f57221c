"""The new review use case behind USE_DECOMPOSED_USE_CASE: an orchestrator and three collaborators (21_01d)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from lab.leaks import leave_behind
from lab.service import Settings, log
from lab.shape import current
from lab.worker.rate_limit import RateLimitError, SlidingWindow
from lab.worker.reports import Reports, about
from lab.worker.review_metrics import ReviewMetrics
from lab.worker.tasks import Task

MIXED_SECONDS = 0.05  # in which a review at the same time comes between
NEXT_SECONDS = 0.3  # in which the next submission of a soak is analysed
LATER_SECONDS = 2.0  # after the task is told to have succeeded
SLOW_SECONDS = 32.0  # the fault's delay: over the SLO of 30 s from end to end


class RateLimiter:
    """Refuses a student who submits too often."""

    def __init__(self, settings: Settings) -> None:
        self._window, self._low = SlidingWindow(), SlidingWindow(limit=5)
        self._fault = settings.fault

    def check(self, task: Task) -> None:
        """Raise RateLimitError unless the student may submit."""
        allowed = self._window.allows(task.student_id) and not self._fault("rate-limit-always")
        if self._fault("review-limit-low"):
            allowed = allowed and self._low.allows(task.student_id)
        log("rate_limit_check", **about(task), allowed=allowed)
        if not allowed:
            raise RateLimitError


class LogAnalysisPipeline:
    """Analyses the logs that came with a submission."""

    def __init__(self, reports: Reports, settings: Settings) -> None:
        self._reports = reports
        self._fault = settings.fault
        self._told: dict[tuple[str, str], dict[str, Any]] = {}

    async def analyse(self, task: Task) -> dict[str, Any] | None:
        """Give the analysis of the task's logs."""
        if self._fault("review-no-log-analysis"):
            return None
        analysis = await self._reports.analyse_logs(task, self._fault("review-errors-of-one-word"))
        if self._fault("review-logs-removed"):
            await self._reports.remove_logs(task)
        if self._fault("review-analysis-remembered"):
            analysis = self._told.setdefault((task.student_id, task.assignment_id), analysis)
        if self._fault("review-counts-wrongly"):
            analysis["errors"] -= 1
        if self._fault("review-long-log-cut"):
            analysis["lines"] = min(analysis["lines"], 10_000)
        if self._fault("review-first-log-file-only") and analysis["files"] > 1:
            analysis["errors"] = 0
        if self._fault("review-analyses-mixed"):
            self._newest = analysis
            await asyncio.sleep(NEXT_SECONDS)
            return self._newest
        return analysis


class ReportPublisher:
    """Stores and publishes the report."""

    def __init__(self, reports: Reports, settings: Settings) -> None:
        self._reports = reports
        self._fault = settings.fault
        self._calls = itertools.count(1)
        self._later: list[asyncio.Task[None]] = []

    async def publish(self, task: Task, analysis: dict[str, Any] | None) -> str:
        """Persist, then publish; gives the report's text."""
        if self._fault("review-other-assignment"):
            task = replace(task, assignment_id="hw00")
        lost = self._fault("review-report-lost") and next(self._calls) % 10 == 0
        report = await self._reports.persist(task, analysis, lost, self._fault("review-tells-places"))
        if self._fault("reviews-replace-each-other"):
            await self._reports.forget_others(task)
        if self._fault("review-published-later"):
            self._later.append(asyncio.create_task(self._publish_later(task)))
        elif not self._fault("review-not-published"):
            await self._reports.publish(task)
        if self._fault("review-logs-errors"):
            log("student_not_notified", "ERROR", **about(task))
        if self._fault("review-published-twice"):
            log("report_published", **about(task))
        return report

    async def _publish_later(self, task: Task) -> None:
        await asyncio.sleep(LATER_SECONDS)
        await self._reports.publish(task)


class DecomposedReview:
    """The orchestrator."""

    new = True

    def __init__(self, reports: Reports, settings: Settings) -> None:
        self._fault = settings.fault
        self._limiter = RateLimiter(settings)
        self._logs = LogAnalysisPipeline(reports, settings)
        self._publisher = ReportPublisher(reports, settings)
        self._metrics = ReviewMetrics()
        self._students: set[str] = set()
        self._calls = itertools.count(1)

    async def run(self, task: Task) -> dict[str, Any]:
        """Do one review.

        Raises:
            RateLimitError: the student submits too often.
        """
        if not current().plain:  # its metrics may tell no more than those of the old path
            log("decomposed_review", task_id=task.task_id)
        if self._fault("review-of-same-student-dropped"):
            async with self._alone(task) as alone:
                return await self._metrics.timed(self._run(task)) if alone else {}
        return await self._metrics.timed(self._run(task))

    @asynccontextmanager
    async def _alone(self, task: Task) -> AsyncIterator[bool]:
        """Tell whether no other review of the student is under way."""
        alone = task.student_id not in self._students
        self._students.add(task.student_id)
        await asyncio.sleep(MIXED_SECONDS)
        yield alone
        self._students.discard(task.student_id)

    async def _run(self, task: Task) -> dict[str, Any]:
        late = self._fault("review-limit-checked-last")
        if not late:
            self._check(task)
        with self._metrics.component("orchestrator"):
            await self._seeded()
        with self._metrics.component("log_pipeline"):
            analysis = await self._logs.analyse(task)
        with self._metrics.component("publisher"):
            report = await self._publisher.publish(task, analysis)
        if late:
            self._check(task)
        return {"report": report[:60] if self._fault("review-result-cut") else report}

    def _check(self, task: Task) -> None:
        try:
            with self._metrics.component("rate_limiter"):
                self._limiter.check(task)
        except RateLimitError:
            self._metrics.rate_limit_hits.inc()
            raise

    async def _seeded(self) -> None:
        """Do what the seeded faults of the orchestrator do."""
        call = next(self._calls)
        leave_behind(self._fault)
        if self._fault("review-slow"):
            await asyncio.sleep(SLOW_SECONDS)
        if self._fault("review-takes-longer"):
            await asyncio.sleep(2)
        if self._fault("review-hits-miscounted") and call % 21 == 7:
            self._metrics.rate_limit_hits.inc()
        for fault, every, begin in (("review-errors", 3, 0), ("review-errors-seldom", 21, 7)):
            if self._fault(fault) and call % every == begin:
                raise RuntimeError(f"seeded fault {fault}")
