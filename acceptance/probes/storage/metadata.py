"""Compare what MongoDB says of stored archives with the files (21_01c.rollout.3; rollback plan, data check).

Collection `review_archives`: one document for each archive that the new adapter stored (contract, "MongoDB").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from acceptance.disk import sha256_of
from acceptance.finding import Finding, Severity
from acceptance.observe.moments import moment, placed
from acceptance.observe.store import Store
from acceptance.verdict import Inconclusive

Document = Mapping[str, Any]
_CLOCKS_S = 60
_ANY_ZONE = timedelta(hours=14)
_APART = timedelta(minutes=10)  # less than any time zone's offset, more than the longest upload takes


def newest(mongo: Store, assignment_id: str, student_id: str | None = None) -> Document | None:
    """Find the document that was written last for an assignment, of one student or of any."""
    wanted = {"assignment_id": assignment_id} | ({"student_id": student_id} if student_id else {})
    # By the id, which holds the time of writing: the upload time is what may be wrong.
    return next(iter(mongo["review_archives"].find(wanted).newest(1)), None)


def recent(mongo: Store, since: datetime) -> Iterator[Document]:
    """Give the documents written or uploaded at or after an aware moment."""
    by_id, by_text = {"_id": {"$gte": ObjectId.from_datetime(since)}}, {"uploaded_at": {"$type": "string"}}
    for document in mongo["review_archives"].find({"$or": [{"uploaded_at": {"$gte": since}}, by_id, by_text]}):
        uploaded = document.get("uploaded_at")
        at, sure = moment(uploaded), placed(uploaded)  # a text without a zone may be of any
        if not isinstance(uploaded, str) or at is None or at >= since - (timedelta(0) if sure else _ANY_ZONE):
            yield document


def checksum_findings(document: Document, root: Path) -> list[Finding]:
    """Say what is wrong between a document and its file's digest, worked out anew; empty when they agree.

    Raises:
        Inconclusive: The file is there and cannot be read.
    """
    path = _file_of(document, root)
    if isinstance(path, Finding):
        return [path]
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise Inconclusive(
            f"{path}: expected to read it, found: {error.strerror}; run as the storage's owner"
        ) from error
    if document.get("sha256") == digest:
        return []
    expected = f"SHA-256 {document.get('sha256')} as recorded"
    return [_wrong(document, "corrupted archive", expected, f"{digest} in {path}", Severity.CRITICAL)]


def metadata_findings(document: Document, root: Path, now: datetime) -> list[Finding]:
    """Say which of size, checksum and upload time are missing or make no sense; empty when all are there."""
    place = _file_of(document, root)
    found, path = ([place], None) if isinstance(place, Finding) else ([], place)
    size, digest, uploaded = (document.get(key) for key in ("size_bytes", "sha256", "uploaded_at"))
    if not isinstance(size, int) or (path and size != path.stat().st_size):
        real = f"{path.stat().st_size}, the file's size" if path else "a number of bytes"
        found.append(_wrong(document, "wrong metadata", f"size_bytes: {real}", repr(size)))
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        found.append(_wrong(document, "wrong metadata", "sha256: 64 hex digits", repr(digest)))
    at = moment(uploaded)
    if at is None:
        return [*found, _wrong(document, "wrong metadata", "uploaded_at: a time", repr(uploaded))]
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path else at
    if at > now + timedelta(seconds=_CLOCKS_S) or abs(at - written) > _APART:
        expected = f"uploaded_at: about {written:%Y-%m-%d %H:%M:%S} UTC, when the file was written"
        found.append(_wrong(document, "wrong metadata", expected, f"{at:%Y-%m-%d %H:%M:%S}"))
    return found


def _file_of(document: Document, root: Path) -> Path | Finding:
    """Give the document's file, or what is wrong with it; its path may be absolute or below the root."""
    recorded = document.get("path")
    if not recorded or not isinstance(recorded, str):
        return _wrong(document, "wrong metadata", "path: the archive's place", repr(recorded))
    path = root / recorded
    if not path.resolve().is_relative_to(root.resolve()):
        return _wrong(document, "outside the storage", f"path: a place below {root}", recorded, Severity.CRITICAL)
    if not path.is_file():
        return _wrong(document, "missing archive", f"the file {path}", "none", Severity.CRITICAL)
    return path


def _wrong(document: Document, kind: str, expected: str, found: str, severity: Severity = Severity.HIGH) -> Finding:
    name = f"{document.get('task_id')} {document.get('kind')} of {document.get('student_id')}"
    return Finding(kind, name, expected, found, severity)
