"""The background loop: takes queued reviews and runs them, some side by side."""

import asyncio
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, Protocol

from pymongo.errors import PyMongoError

from lab.service import log, new_trace
from lab.worker.rate_limit import RateLimitError
from lab.worker.reports import about
from lab.worker.tasks import Task, Tasks

POLL_SECONDS = 0.3
AT_ONCE = 8
LATE_SECONDS = 32.0  # the fault's delay: over the SLO of 30 s from end to end


class ReviewUseCase(Protocol):
    """What runs one review: the seam that USE_DECOMPOSED_USE_CASE switches."""

    new: bool

    async def run(self, task: Task) -> dict[str, Any]:
        """Do the review and give its result; RateLimitError when the student submits too often."""
        ...


class ReviewLoop:
    """Polls the queue until cancelled; survives an absence of MongoDB."""

    def __init__(self, tasks: Tasks, use_case: ReviewUseCase, fault: Callable[[str], bool]) -> None:
        self._fault = fault
        self._tasks = tasks
        self._use_case = use_case
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._abandoned = True  # a process that was killed before may have left some

    async def run(self) -> NoReturn:
        """Work for ever."""
        while True:
            try:
                await self._take_all()
            except Exception as error:  # whatever it was, the next poll must come
                self._abandoned = True  # a task whose end could not be stored is nobody's now
                log("queue_failed", "ERROR", error_type=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Drop what is under way; the next start takes it up again."""
        if self._fault("review-cut-off-lost"):  # else a restart may find none under way
            await self._take_all()
        jobs = list(self._at_work.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _take_all(self) -> None:
        if self._abandoned:
            lost = self._fault("review-cut-off-lost") and self._use_case.new
            done = self._fault("reviews-done-again") and self._use_case.new
            again = await self._tasks.requeue_abandoned(self._at_work, "failed" if lost else "queued", done)
            self._abandoned = False
            log("queue_opened", requeued=again)
        while len(self._at_work) < AT_ONCE and (task := await self._tasks.claim()):
            job = asyncio.create_task(self._review(task))
            self._at_work[task.task_id] = job
            job.add_done_callback(partial(self._put_down, task.task_id))

    def _put_down(self, task_id: str, _: object) -> None:
        self._at_work.pop(task_id, None)

    async def _review(self, task: Task) -> None:
        """Run one review and store how it ended."""
        new_trace(task.trace_id or None)
        if self._fault("review-begins-late"):
            await asyncio.sleep(LATE_SECONDS)
        log("review_started", **about(task))
        try:
            await self._end(task)
        except PyMongoError as error:
            self._abandoned = True
            log("review_not_stored", "ERROR", **about(task), error_type=type(error).__name__)

    async def _end(self, task: Task) -> None:
        try:
            result = await self._use_case.run(task)
        except RateLimitError:
            log("review_failed", "WARNING", **about(task), error="rate limit")
            await self._tasks.fail(task, "rate limit")
        except PyMongoError:
            raise
        except Exception as error:
            log("review_failed", "ERROR", **about(task), error_type=type(error).__name__,
                traceback=traceback.format_exc())  # fmt: skip
            await self._tasks.fail(task, "internal error")
        else:
            await self._tasks.succeed(task, result)
            log("review_succeeded", **about(task))
