"""Homework reviews: the seam that USE_NEW_HOMEWORK_REVIEW_SERVICE switches (stage 21_01b).

The old path is the checker's client itself; the new one is a service around it that measures what it does.
"""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from lab.measured import Measured
from lab.service import Settings, log
from lab.worker.checker import CheckerError, Commit, Review

LATE_SECONDS = 0.3  # well below the SLO of 2 s, and a multiple of what it was
MIXED_SECONDS = 0.02  # in which a request at the same moment comes between
SLOW_SECONDS = 2.5  # the fault's delay: over the SLO of 2 s


class Homework(Protocol):
    """What the routes need; all raise CheckerError."""

    async def commits(self, student_id: str, days: int) -> list[Commit]:
        """Give the student's commits of the last `days` days, newest first."""
        ...

    async def review(self, commit_hash: str) -> Review:
        """Have a commit reviewed."""
        ...

    async def status(self, review_id: str) -> Review:
        """Give the state of a review."""
        ...


class HomeworkReviewService:
    """The new path. Its metrics are made here, so that the old path exports none of them."""

    def __init__(self, client: Homework, settings: Settings) -> None:
        self._client = client
        self._fault = settings.fault
        self._calls, self._lists = itertools.count(1), itertools.count(1)
        self._measure = Measured(
            "homework_review_service_requests",
            "homework_review_service_latency_seconds",
            "Requests to the homework review service",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10),
            error_type=self._error_type,
        )

    async def commits(self, student_id: str, days: int) -> list[Commit]:
        """See Homework."""
        async with self._measured("list_commits"):
            found = await self._client.commits(
                await self._asked_for(student_id), days - self._fault("homework-day-less")
            )
        cut = self._fault("homework-list-cut") and next(self._lists) % 5 == 0
        if self._fault("homework-list-reversed"):
            found.reverse()
        if self._fault("homework-list-twice-seldom") and next(self._lists) % 5 == 2:
            found += found[:1]
        return [] if self._fault("homework-empty-list") else found[cut:]

    async def review(self, commit_hash: str) -> Review:
        """See Homework."""
        async with self._measured("request_review"):
            if self._fault("homework-review-not-submitted"):
                return Review(uuid.uuid4().hex, "queued")
            asked = await self._client.review(commit_hash)
            return replace(asked, status="passed") if self._fault("homework-review-told-done") else asked

    async def status(self, review_id: str) -> Review:
        """See Homework."""
        async with self._measured("get_status"):
            return await self._client.status(review_id)

    async def _asked_for(self, student_id: str) -> str:
        """Give the student, or the newest request's by the seeded fault."""
        if self._fault("homework-lists-mixed"):
            self._newest = student_id
            await asyncio.sleep(MIXED_SECONDS)
            return self._newest
        return student_id

    def _error_type(self, error: Exception) -> str:
        known = isinstance(error, CheckerError) and not self._fault("homework-errors-of-one-type")
        return error.error_type if known and isinstance(error, CheckerError) else "api_error"

    @asynccontextmanager
    async def _measured(self, operation: str) -> AsyncIterator[None]:
        """Count and time one request, with its seeded faults."""
        with self._measure(operation):
            await self._seeded()
            yield

    async def _seeded(self) -> None:
        """Do what the seeded faults of a request do."""
        if self._fault("homework-logs-errors"):
            log("commit_cache_unreachable", "ERROR")
        if self._fault("homework-slow"):
            await asyncio.sleep(SLOW_SECONDS)
        if self._fault("homework-answers-late"):
            await asyncio.sleep(LATE_SECONDS)
        call = next(self._calls)
        for fault, every, begin in (("homework-errors", 5, 0), ("homework-errors-seldom", 11, 4)):
            if self._fault(fault) and call % every == begin:
                raise CheckerError("api_error")
