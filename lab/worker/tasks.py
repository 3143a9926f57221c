"""The review tasks in `long_tasks`: claimed once, finished once (contract, "MongoDB")."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

_REVIEWS = {"task_type": "code_review", "task_id": {"$type": "string"}}


@dataclass(frozen=True)
class Task:
    """One review to do.

    Attributes:
        task_id: `rev_...`.
        student_id: from the metadata, else the task's user.
        assignment_id: from the metadata; empty if it names none.
        trace_id: of the upload that made the task; empty if it did not say.
        metadata: what the API stored with the task.
    """

    task_id: str
    student_id: str
    assignment_id: str
    trace_id: str
    metadata: Mapping[str, Any]


class Tasks:
    """The queue. One worker process only: what it left `running` when it died is its own to take up again."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]], newest_first: Callable[[], bool]) -> None:
        self._collection, self._newest_first = collection, newest_first

    async def requeue_abandoned(self, at_work: Collection[str], status: str = "queued", done: bool = False) -> int:
        """Put tasks that are `running` but not in anybody's hands back to `queued`; gives their number.

        With the fault, those that are done too.
        """
        states = ["running", *(["succeeded"] if done else [])]
        abandoned = {"task_type": "code_review", "status": {"$in": states}, "task_id": {"$nin": list(at_work)}}
        return (await self._collection.update_many(abandoned, {"$set": {"status": status}})).modified_count

    async def claim(self) -> Task | None:
        """Take the oldest queued review, or None; with the fault the newest one."""
        found = await self._collection.find_one_and_update(
            {**_REVIEWS, "status": "queued"},
            {"$set": {"status": "running"}, "$currentDate": {"started_at": True}},
            sort=[("created_at", -1 if self._newest_first() else 1)],
            return_document=ReturnDocument.AFTER,
        )
        return None if found is None else _task(found)

    async def succeed(self, task: Task, result: Mapping[str, Any]) -> None:
        """End the task well."""
        await self._finish(task, {"status": "succeeded", "result": dict(result), "error": None})

    async def fail(self, task: Task, error: str) -> None:
        """End the task; the error is a text for the student, without internals."""
        await self._finish(task, {"status": "failed", "error": error})

    async def _finish(self, task: Task, fields: Mapping[str, Any]) -> None:
        # $currentDate: the lab's wire server stores a date that `$set` brings as a text
        done = {"$set": dict(fields), "$currentDate": {"finished_at": True}}
        await self._collection.update_one({"task_id": task.task_id}, done)


def _task(document: Mapping[str, Any]) -> Task:
    metadata = document.get("metadata") or {}
    return Task(
        task_id=document["task_id"],
        student_id=str(metadata.get("student_id") or document.get("user_id") or ""),
        assignment_id=str(metadata.get("assignment_id") or ""),
        trace_id=str(metadata.get("trace_id") or ""),
        metadata=metadata,
    )
