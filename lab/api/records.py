"""What butler-api writes to MongoDB (contract, "MongoDB"): `long_tasks` always, `review_archives` on the new path."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import AsyncMongoClient

from lab.documents import database as shaped

Document = dict[str, Any]


class Records:
    """The collections that an upload touches; every call raises pymongo.errors.PyMongoError on trouble."""

    def __init__(self, url: str, database: str = "butler") -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, serverSelectionTimeoutMS=2_000, timeoutMS=3_000, tz_aware=True
        )
        self._db = shaped(self._client, database)

    async def ping(self) -> None:
        """Ask the server whether it is there."""
        await self._client.admin.command("ping")

    async def prepare(self) -> None:
        """Make the unique index on the task id."""
        await self._db["long_tasks"].create_index("task_id", unique=True)

    async def add(self, task: Document, archives: Sequence[Document]) -> None:
        """Write an upload's archives and then its task, which a worker may take at once."""
        if archives:
            await self._db["review_archives"].insert_many([dict(archive) for archive in archives])
        await self._db["long_tasks"].insert_one(dict(task))

    async def remove(self, task_id: str) -> None:
        """Undo what `add` wrote before it failed."""
        await self._db["review_archives"].delete_many({"task_id": task_id})
        await self._db["long_tasks"].delete_many({"task_id": task_id})

    async def task(self, task_id: str) -> Document | None:
        """Find a review task."""
        return await self._db["long_tasks"].find_one({"task_id": task_id})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def answer(task: Mapping[str, Any], full: bool = False) -> Document:
    """Make the API's answer about a task; `full` adds how it ended (`GET /api/v1/reviews/{task_id}`)."""
    metadata = task.get("metadata") or {}
    body: Document = {
        "task_id": task["task_id"],
        "status": task["status"],
        "student_id": metadata.get("student_id"),
        "assignment_id": metadata.get("assignment_id"),
        "created_at": _time(task.get("created_at")),
    }
    if full:
        body["finished_at"] = _time(task.get("finished_at"))
        body["result"] = task.get("result", metadata.get("result"))
        body["error"] = task.get("error", metadata.get("error"))
    return body


def _time(value: object) -> str | None:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else None
