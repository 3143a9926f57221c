"""What a student's logs archive says: counts of lines, errors and warnings."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from lab.zips import BAD_DATA

MAX_BYTES = 64 * 1024 * 1024  # read of an archive, unpacked; the rest is left unread and said so
_ERROR = re.compile(r"\b(ERROR|CRITICAL|FATAL|Traceback)\b")
ONE_WORD = re.compile(r"\bERROR\b")  # of the fault that knows no other
_WARNING = re.compile(r"\bWARN(ING)?\b")


def analyse(archive: Path | None, errors: re.Pattern[str] = _ERROR) -> dict[str, Any]:
    """Read the logs.

    Args:
        archive: a zip of text files, or None when the student sent none.
        errors: what a line that tells of an error holds.

    Returns:
        `{"status", "files", "lines", "errors", "warnings"}`; status is `analysed`, `cut` (only the first 64 MiB
        were read), `no_logs` or `unreadable`. Blocks: call it in a thread.
    """
    counts: dict[str, Any] = {"status": "analysed", "files": 0, "lines": 0, "errors": 0, "warnings": 0}
    if archive is None:
        return {**counts, "status": "no_logs"}
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(archive) as logs:
            for member in logs.infolist():
                if member.is_dir():
                    continue
                with logs.open(member) as raw:
                    left = _count(raw.read(left), counts, left, errors)
                if left <= 0:
                    return {**counts, "status": "cut"}
    except (*BAD_DATA, OSError, RuntimeError, NotImplementedError):
        return {**counts, "status": "unreadable"}
    return counts


def _count(data: bytes, counts: dict[str, Any], left: int, errors: re.Pattern[str]) -> int:
    """Add one file's lines to the counts; gives how many bytes may still be read."""
    counts["files"] += 1
    for line in io.StringIO(data.decode(errors="replace")):
        counts["lines"] += 1
        counts["errors"] += bool(errors.search(line))
        counts["warnings"] += bool(_WARNING.search(line))
    return left - len(data)
