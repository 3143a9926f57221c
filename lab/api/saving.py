"""Keep a judged upload: files to their places, records to MongoDB, or neither (checklist 21_01c.rollout.3)."""

import asyncio
import errno
import hashlib
import re
import secrets
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from pymongo.errors import PyMongoError

from lab.api import seeded, storage
from lab.api.context import Context
from lab.api.incoming import IncomingFile
from lab.api.metrics import BACKEND
from lab.api.records import Document, Records
from lab.api.refusal import Refusal
from lab.api.upload import Upload
from lab.service import log, trace_id

_CARELESS = (
    *("traversal-student-id", "traversal-assignment-id", "traversal-file-name", "answer-400-after-write"),
    "form-read-twice",
)
MIXED_SECONDS = 0.1  # in which an upload of the same student comes
LONG = 32  # characters of an id or a name that the faults of long ones leave


class Saving:
    """Keeps uploads, one after another or many at once."""

    def __init__(self, context: Context, records: Records) -> None:
        self._context, self._records, self._broken = context, records, context.broken
        self._saves, self._newest = 0, ""
        self._under_way: dict[str, Document] = {}
        self._by_digest: dict[str, Document] = {}

    async def save(self, upload: Upload) -> Document:
        """Keep an upload and give its task.

        Raises:
            Refusal: 500 when an archive cannot be written, 503 when MongoDB does not take the records; nothing of
                the upload is left.
        """
        number = f"{time.time_ns():032x}" if self._broken("task-ids-in-a-row") else secrets.token_hex(16)
        if upload.fields["student_id"].isdigit() and self._broken("long-ids-rounded"):
            upload.fields["student_id"] = str(int(float(upload.fields["student_id"])))
        task_id, student, digest = f"rev_{number}", upload.fields["student_id"], upload.files["new"].sha256
        if self._broken("same-file-shared") and digest in self._by_digest:
            return self._by_digest[digest]
        if self._broken("same-student-mixed"):
            first = self._under_way.setdefault(student, self._task(upload, task_id, {}))
            if first["task_id"] != task_id:
                return first
            await asyncio.sleep(MIXED_SECONDS)
        places: dict[str, Path] = {}
        if self._broken("previous-alone-lost") and "logs" not in upload.files:
            upload.files.pop("previous", None)
        self._newest = upload.fields["student_id"]  # of the fault that takes it for each one's at that moment
        try:
            for kind, file in upload.files.items():
                places[kind] = self._place(upload, file, task_id)
                await self._keep(file, places[kind])
            if self._broken("long-id-half-kept") and re.search(r"\d{21}", upload.fields["student_id"]):
                raise OverflowError("seeded fault long-id-half-kept")
            task = self._task(upload, task_id, places)
            await self._records.add(task, self._archives(upload, task_id, places))
        except (Refusal, PyMongoError) as error:
            await self._undo(task_id, places)
            if isinstance(error, Refusal):
                raise
            raise Refusal(
                503, "records are unavailable, try again later", "records_error", notes={"task_id": task_id}
            ) from error
        finally:
            self._under_way.pop(student, None)
        if self._broken("same-file-shared"):
            self._by_digest[digest] = task
        if self._broken("newest-three-kept"):
            works = sorted(places["new"].parents[1].iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
            for old in works[:-3]:
                shutil.rmtree(old)
        self._tell(upload, task_id, places)
        return task

    async def queue(self, upload: Upload) -> None:
        """Queue what was not kept, of the fault refused-recorded."""
        await self._records.add(self._task(upload, f"rev_{secrets.token_hex(16)}", {}), [])

    def _place(self, upload: Upload, file: IncomingFile, task_id: str) -> Path:
        student, assignment = upload.fields["student_id"], upload.fields["assignment_id"]
        root, home = self._context.storage.root, self._context.settings.home
        if self._broken("long-ids-cut") and len(student) > LONG:
            return root / student[:LONG] / assignment / f"{file.kind}.zip"
        if self._broken("overwrite-other-student"):
            return root / f"{student}_{assignment}" / f"{file.kind}.zip"
        if self._broken("case-folded"):
            return root / student.lower() / assignment.lower() / f"{file.kind}.zip"
        if self._broken("traversal-file-name") or self._broken("form-read-twice"):
            return seeded.place(home, root, student, assignment, task_id, file.file_name)
        if self._careless():
            return seeded.place(home, root, student, assignment, task_id, f"{file.kind}.zip")
        return self._context.storage.place(student, assignment, task_id, file.kind)

    def _careless(self) -> bool:
        return any(self._broken(name) for name in _CARELESS)

    async def _keep(self, file: IncomingFile, place: Path) -> None:
        started = time.perf_counter()
        try:
            if self._broken("slow-writes"):
                await asyncio.sleep(2.2)
            if self._broken("writes-late") or self._broken("owners-mixed"):  # so that uploads do meet
                await asyncio.sleep(0.3)
            self._fail_as_seeded()
            if self._careless():
                await asyncio.to_thread(seeded.keep, file, place)
            elif not self._broken("archive-not-kept") and not self._lost_before(file):
                await asyncio.to_thread(storage.keep, file, place, self._context.storage.root)
        except OSError as error:
            kind_of_error = "io_error" if self._broken("write-errors-seldom") else storage.error_type(error)
            log("storage_error", "ERROR", error_type=kind_of_error, kind=file.kind, errno=error.errno)
            if not self._broken("errors-not-counted"):
                self._context.metrics.failed(file.kind, kind_of_error, time.perf_counter() - started)
            if self._broken("errors-not-raised"):
                return
            raise Refusal(500, "archive could not be stored", "review_failed", kind=file.kind) from error
        if self._broken("archive-logs-errors"):
            log("archive_not_indexed", "ERROR", kind=file.kind)
        counted = 0 if self._broken("bytes-not-counted") and file.kind != "new" else file.size
        self._context.metrics.saved(file.kind, counted, time.perf_counter() - started)
        if self._broken("copy-left-outside"):
            root = self._context.storage.root
            shutil.copy(place, root.parent / "_".join(place.relative_to(root).parts))
        if self._broken("traversal-member"):
            await asyncio.to_thread(seeded.unpack, place, self._context.settings.home)
        if self._broken("unpacks-otherwise"):
            await asyncio.to_thread(seeded.unpack_otherwise, place, self._context.settings.home)

    def _lost_before(self, file: IncomingFile) -> bool:
        return file.kind != "new" and self._context.was_broken("old-path-first-file-only")

    def _fail_as_seeded(self) -> None:
        self._saves += 1
        if self._context.settings.fault("disk-gone"):
            raise OSError(errno.EROFS, "read-only file system")
        if self._broken("write-errors-seldom") and self._saves % 51 == 17:
            raise OSError(errno.EIO, "input/output error")
        if self._broken("errors-not-raised") or (self._broken("write-errors") and self._saves % 3 == 0):
            raise OSError(errno.ENOSPC, "no space left on device")

    async def _undo(self, task_id: str, places: dict[str, Path]) -> None:
        for place in places.values():
            await asyncio.to_thread(storage.discard, place, self._context.storage.root)
        try:
            await self._records.remove(task_id)
        except PyMongoError as error:
            log("records_error", "ERROR", task_id=task_id, error_type=type(error).__name__)

    def _task(self, upload: Upload, task_id: str, places: dict[str, Path]) -> Document:
        names = ("student_id", "assignment_id", "new_commit", "old_commit")
        metadata: Document = {name: upload.fields.get(name) for name in names}
        metadata["archives"] = {kind: str(place) for kind, place in places.items()}
        return {
            "task_id": task_id,
            "task_type": "code_review",
            "status": "queued",
            "user_id": upload.fields["student_id"],
            "created_at": _now(),
            "finished_at": None,
            "metadata": {**metadata, "trace_id": trace_id()},
        }

    def _archives(self, upload: Upload, task_id: str, places: dict[str, Path]) -> list[Document]:
        seldom = self._broken("metadata-seldom") and self._saves % 20 == 7
        if not self._context.new or seldom or self._broken("metadata-not-written"):
            return []
        return [
            {
                "task_id": task_id,
                "student_id": self._owner(upload),
                "assignment_id": upload.fields["assignment_id"],
                "kind": kind,
                "filename": file.file_name[: LONG if self._broken("long-names-cut") else None],
                "path": self._recorded_place(places[kind]),
                "size_bytes": file.size + self._wrong_size(),
                "sha256": self._recorded(file),
                "uploaded_at": _now(),
                "backend": BACKEND,
            }
            for kind, file in upload.files.items()
        ]

    def _owner(self, upload: Upload) -> str:
        return self._newest if self._broken("owners-mixed") else upload.fields["student_id"]

    def _recorded_place(self, place: Path) -> str:
        root = self._context.storage.root
        return str(place.relative_to(root) if self._broken("place-without-root") else place)

    def _wrong_size(self) -> bool:
        return self._broken("wrong-size-recorded") or (self._broken("wrong-size-seldom") and self._saves % 15 == 5)

    def _recorded(self, file: IncomingFile) -> str:
        wrong = self._broken("wrong-checksum-recorded")
        return hashlib.sha256(file.file_name.encode()).hexdigest() if wrong else file.sha256

    def _tell(self, upload: Upload, task_id: str, places: dict[str, Path]) -> None:
        event = "archive_stored" if self._context.new else "archive_saved_legacy"
        for kind, file in upload.files.items():
            log(
                event,
                task_id=task_id,
                student_id=upload.fields["student_id"],
                storage_path=str(places[kind]),
                checksum=file.sha256,
                kind=kind,
                size_bytes=file.size,
            )


def _now() -> datetime:
    """Give the time to the millisecond, as MongoDB keeps it: an answer read again is the same."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
