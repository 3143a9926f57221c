"""Derive all that one submission must lead to, and compare (21_01c.rollout.3; contract, "HTTP" and "MongoDB").

What was sent determines all that must come back: each field of the answer, of the later question for the task, and of
one document and one file for each archive, and that there is nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acceptance.finding import Finding, Severity
from acceptance.observe.moments import moment
from acceptance.observe.store import Store, spellings
from acceptance.probes.archives.archives import Archive
from acceptance.probes.http.client import Called, brief
from acceptance.probes.seen import CLOCKS_DIFFER
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.metadata import checksum_findings, metadata_findings
from acceptance.probes.storage.uploads import Upload, file_part
from acceptance.target.parts import Storage

Document = Mapping[str, Any]
STATES = ("queued", "running", "succeeded", "failed")
LONG_NAME = f"logs (1) {'of a long evening ' * 6}.zip"
"""A file name of more than a hundred characters."""


@dataclass(frozen=True)
class Sent:
    """An archive of a submission: the form field, the kind that the contract gives it, and its file name."""

    field: str
    kind: str
    filename: str
    archive: Archive


@dataclass(frozen=True)
class Submission:
    """One submission with several files; the first of them is `new_zip`, and `made` is just before it is sent."""

    student_id: str
    assignment_id: str
    files: tuple[Sent, ...]
    made: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, student_id: str, assignment_id: str, new: Archive, old: Archive, logs: Archive) -> Submission:
        """Make a submission with all the files that the contract knows, under names as students give them."""
        files = (
            Sent("new_zip", "new", "new.zip", new),
            Sent("old_zip", "previous", "старая работа.zip", old),
            Sent("logs_zip", "logs", LONG_NAME, logs),
        )
        return cls(student_id, assignment_id, files)

    @classmethod
    def of_one(cls, student_id: str, assignment_id: str, archive: Archive) -> Submission:
        """Make a submission with the one file that each must have."""
        return cls(student_id, assignment_id, (Sent("new_zip", "new", "new.zip", archive),))

    def without(self, *fields: str) -> Submission:
        """Leave out files that a student need not send."""
        return replace(self, files=tuple(each for each in self.files if each.field not in fields))

    def upload(self) -> Upload:
        """Give the request."""
        first, *others = self.files
        extra = tuple(file_part(each.field.encode(), each.archive, each.filename) for each in others)
        return Upload(self.student_id, self.assignment_id, first.archive, filename=first.filename, extra=extra)

    def answer_findings(self, called: Called, status: int, now: datetime) -> list[Finding]:
        """Compare an answer about the task with what was sent.

        Args:
            called: The answer to the submission, or to the later question for its task.
            status: 201 or 200.
            now: Aware; `created_at` is not in its future.
        """
        if called.exchange.status != status:
            return [self._wrong("bad answer", f"{status}", brief(called.exchange))]
        expected = {"student_id": self.student_id, "assignment_id": self.assignment_id}
        found = [
            self._wrong("bad answer", f"{name} {value!r}", repr(called.get(name)))
            for name, value in expected.items()
            if called.get(name) not in spellings(value)
        ]
        if called.get("status") not in STATES:
            wanted = f"a status of {STATES}, or one that API_VALUES names"
            found.append(self._wrong("bad answer", wanted, repr(called.get("status"))))
        if not called.get("task_id"):
            found.append(self._wrong("bad answer", "a task_id", repr(called.get("task_id"))))
        return [*found, *self._time_findings(called.get("created_at"), now)]

    def document_findings(self, documents: Sequence[Document], task_id: str, root: Path) -> list[Finding]:
        """Compare the documents of this student and assignment with what was sent: one for each file, no other."""
        kinds = sorted(str(document.get("kind")) for document in documents)
        if kinds != sorted(each.kind for each in self.files):
            expected = f"one document for each of {sorted(each.kind for each in self.files)}"
            return [self._wrong("wrong documents", expected, f"{kinds}", Severity.CRITICAL)]
        by_kind = {document["kind"]: document for document in documents}
        return [each for sent in self.files for each in self._one(sent, by_kind[sent.kind], task_id, root)]

    def file_findings(self, root: Path) -> list[Finding]:
        """Compare the files below the storage with what was sent: one for each archive, byte for byte."""
        copies = {each.field: copies_of(each.archive, root) for each in self.files}
        return [
            self._wrong("wrong files", f"one file that is {field} byte for byte", f"{len(paths)}", Severity.CRITICAL)
            for field, paths in copies.items()
            if len(paths) != 1
        ]

    def left_outside(self, storage: Storage) -> list[Path]:
        """Find copies of the files in the watched folders beside the storage, such as what was received in pieces."""
        roots = [root.resolve() for root in (storage.root, storage.legacy_root)]
        folders = {folder.resolve() for folder in storage.watch_dirs}
        beside = [folder for folder in folders if not any(folder.is_relative_to(root) for root in roots)]
        return sorted(
            {path for each in self.files for folder in beside for path in copies_of(each.archive, folder, roots)}
        )

    def _one(self, sent: Sent, document: Document, task_id: str, root: Path) -> list[Finding]:
        expected = {
            "task_id": task_id,
            "student_id": self.student_id,
            "assignment_id": self.assignment_id,
            "filename": sent.filename,
            "size_bytes": sent.archive.size,
            "sha256": sent.archive.sha256,
            "backend": "local_fs",
        }
        found = [
            self._wrong("wrong metadata", f"{sent.kind}: {name} {value!r}", repr(document.get(name)))
            for name, value in expected.items()
            if document.get(name) not in (spellings(value) if isinstance(value, str) else [value])
        ]
        now = datetime.now(UTC)
        return [*found, *metadata_findings(document, root, now), *checksum_findings(document, root)]

    def _time_findings(self, value: object, now: datetime) -> list[Finding]:
        at = moment(value)
        if at is None:
            return [self._wrong("bad answer", "created_at: a time", repr(value))]
        if self.made - CLOCKS_DIFFER <= at <= now + CLOCKS_DIFFER:
            return []
        return [self._wrong("bad answer", f"created_at: {self.made:%H:%M:%S} UTC, when it was sent", f"{at}")]

    def _wrong(self, kind: str, expected: str, found: str, severity: Severity = Severity.HIGH) -> Finding:
        return Finding(kind, f"submission of {self.student_id}", expected, found, severity)


def findings_of_all(sent: Sequence[tuple[Submission, str]], mongo: Store, root: Path) -> list[Finding]:
    """Compare the documents of many submissions, each of another student or assignment, with what was sent.

    Args:
        sent: Each submission and the id of its task, as the answer named it.
        mongo: The database.
        root: The storage's folder.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    students = sorted({submission.student_id for submission, _ in sent})
    by_work: dict[tuple[str, str], list[Document]] = {(one.student_id, one.assignment_id): [] for one, _ in sent}
    others: list[Document] = []
    for document in mongo["review_archives"].find({"student_id": {"$in": students}}):
        by_work.get((str(document["student_id"]), str(document.get("assignment_id"))), others).append(document)
    tasks = Counter(task for _, task in sent)
    shared = [
        Finding("shared task", task, "one submission", f"{count}", Severity.CRITICAL)
        for task, count in tasks.items()
        if count > 1
    ]
    each = (one.document_findings(by_work[one.student_id, one.assignment_id], task, root) for one, task in sent)
    unclaimed = [
        Finding(
            "wrong documents", f"documents of {each['student_id']}", "those of its work", str(each), Severity.CRITICAL
        )
        for each in others
    ]
    return [*shared, *unclaimed, *(finding for found in each for finding in found)]
