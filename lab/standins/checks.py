"""The HW checker stand-in's memory: which student's commit was checked when, and what its job does now."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

STUDENTS = ("test_user", "test_user_flag_on", *(f"soak_user_{n}" for n in range(1, 6)), "Иванов_Иван")
_AGES = (timedelta(hours=2), timedelta(days=3, hours=5), timedelta(days=12, hours=7))
_QUEUED, _RUNNING = timedelta(seconds=1), timedelta(seconds=3)  # after these ages a job has moved on


@dataclass
class Check:
    """One job of the checker; a retry resets it, as the real API does."""

    student_id: str
    assignment: str
    commit_hash: str
    enqueued_at: datetime
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def status(self) -> str:
        """`queued`, then `running`, then `passed`."""
        age = datetime.now(UTC) - self.enqueued_at
        return "queued" if age < _QUEUED else "running" if age < _RUNNING else "passed"

    @property
    def archive_name(self) -> str:
        """The name that the student's archive had."""
        return f"{self.student_id}_{self.assignment.lower()}.zip"

    def as_json(self) -> dict[str, object]:
        """Give the fields that the API gives."""
        done = self.enqueued_at + _RUNNING if self.status == "passed" else None
        return {
            "job_id": self.job_id,
            "status": self.status,
            "progress": {"queued": "Waiting to start", "running": "In progress"}.get(
                self.status, "Completed successfully"
            ),
            "error_message": None,
            "student_id": self.student_id,
            "assignment": self.assignment,
            "archive_name": self.archive_name,
            "commit_hash": self.commit_hash,
            "enqueued_at": _iso(self.enqueued_at),
            "started_at": None if self.status == "queued" else _iso(self.enqueued_at + _QUEUED),
            "completed_at": None if done is None else _iso(done),
            "gdrive_link": None,
        }


class Checks:
    """All jobs; begins with three checked commits of each of STUDENTS."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self._checks = [
            Check(student, f"HW{number}", commit_of(student, f"HW{number}"), now - age)
            for student in STUDENTS
            for number, age in enumerate(_AGES, 1)
        ]

    def newest_first(self, assignment: str | None = None) -> list[Check]:
        """Give the jobs, of one assignment or all."""
        chosen = [check for check in self._checks if assignment in (None, check.assignment)]
        return sorted(chosen, key=lambda check: check.enqueued_at, reverse=True)

    def find(self, key: str, value: str, assignment: str | None = None) -> Check | None:
        """Give the newest job whose field `key` is `value`."""
        return next((c for c in self.newest_first(assignment) if getattr(c, key) == value), None)

    def submit(self, student_id: str, assignment: str, url: str) -> Check:
        """Take in a new submission."""
        check = Check(student_id, assignment, commit_of(student_id, assignment + url), datetime.now(UTC))
        self._checks.append(check)
        return check


def commit_of(student_id: str, assignment: str) -> str:
    """Give the commit hash that the stand-in invents for a submission: the same in every lab."""
    return hashlib.sha1(f"{student_id}/{assignment}".encode(), usedforsecurity=False).hexdigest()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
