"""Reports in `homework_reviews`: persisted, then published (contract, "MongoDB" and log events)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from lab.service import log
from lab.worker.log_analysis import ONE_WORD, analyse
from lab.worker.tasks import Task

CUT_SECONDS = 2.0  # that a review takes more, so that a restart cuts one off


class Reports:
    """The steps that the old and the new use case have in common; each writes its log event."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], fault: Callable[[str], bool]) -> None:
        self._fault = fault
        self._database = database
        self._reviews = database["homework_reviews"]
        self._archives = database["review_archives"]

    async def analyse_logs(self, task: Task, one_word: bool = False) -> dict[str, Any]:
        """Analyse the logs that came with the task."""
        if self._fault("review-cut-off-lost"):  # else it may have ended by then
            await asyncio.sleep(CUT_SECONDS)
        how = [ONE_WORD] if one_word else []
        analysis = await asyncio.to_thread(analyse, await self._logs_of(task), *how)
        if self._fault("review-log-not-read"):
            analysis |= {"files": 1, "lines": 1, "errors": 0, "warnings": 0}
        log("log_analysis_complete", **about(task), **{f"log_{key}": value for key, value in analysis.items()})
        return analysis

    async def persist(
        self, task: Task, analysis: Mapping[str, Any] | None, lost: bool = False, tells_place: bool = False
    ) -> str:
        """Store the report, once per task however often the task is run; gives its text, also where it is lost."""
        report = _text(task, analysis)
        if tells_place:
            report += f"\n\nLogs: {await self._logs_of(task)}"
        await self._reviews.update_one(
            {"task_id": task.task_id},
            {
                "$set": {
                    "student_id": task.student_id,
                    "assignment_id": task.assignment_id,
                    "report": "" if lost or self._fault("review-report-empty") else report,
                    "log_analysis": None if analysis is None else dict(analysis),
                },
                "$setOnInsert": {"published_at": None, "created_at": datetime.now(UTC)},
            },
            upsert=True,
        )
        log("report_persisted", **about(task))
        return report

    async def forget_others(self, task: Task) -> None:
        """Remove the reports of the student's other submissions of the assignment, of reviews-replace-each-other."""
        same = {"student_id": task.student_id, "assignment_id": task.assignment_id}
        await self._reviews.delete_many({**same, "task_id": {"$ne": task.task_id}})

    async def publish(self, task: Task) -> None:
        """Publish the stored report, once: a review that is run again after a kill may be published already."""
        unpublished = {"task_id": task.task_id, "published_at": None}
        done = await self._reviews.update_one(unpublished, {"$currentDate": {"published_at": True}})
        if done.modified_count and not self._fault("review-event-missing"):
            log("report_published", **about(task))

    async def remove_logs(self, task: Task) -> None:
        """Remove the logs archive, of review-logs-removed."""
        if place := await self._logs_of(task):
            place.unlink(missing_ok=True)

    async def ready(self) -> None:
        """Raise unless the reports' database answers."""
        await self._database.command("ping")

    async def _logs_of(self, task: Task) -> Path | None:
        """Where the logs archive is: as the new storage path recorded it, else as the task itself says."""
        recorded = await self._archives.find_one({"task_id": task.task_id, "kind": "logs"})
        path = recorded["path"] if recorded else (task.metadata.get("archives") or {}).get("logs")
        return Path(path) if path else None


def about(task: Task) -> dict[str, str]:
    """Give the fields that every log line of a review has."""
    return {"task_id": task.task_id, "student_id": task.student_id}


def _text(task: Task, analysis: Mapping[str, Any] | None) -> str:
    lines = [f"Review of {task.assignment_id or 'the submission'} by {task.student_id}", "", "Code: accepted."]
    if analysis is not None:
        lines += [
            "",
            f"Log analysis ({analysis['status']}): {analysis['lines']} lines, "
            f"{analysis['errors']} errors, {analysis['warnings']} warnings.",
        ]
    return "\n".join(lines)
