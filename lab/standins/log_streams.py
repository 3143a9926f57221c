"""The lab's log files as Loki's streams, labelled as Promtail labels containers."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from lab.shape import current
from lab.standins.logql import Labels
from lab.standins.loki_times import NANOS, nanos

PROJECT = "butler"
_LOGFMT_TIME = re.compile(r'\b(?:ts|time|timestamp)="?(\S+?)"?(?:\s|$)')  # Prometheus and Alertmanager
_SPIKE_LINES = 200
_TEXT_TIMES = (
    (re.compile(r"[\d-]{10} [\d:]{8},\d{3}"), "%Y-%m-%d %H:%M:%S,%f"),
    (re.compile(r"\[[\d/]{8} [\d:]{8}\]"), "[%m/%d/%y %H:%M:%S]"),
)


class Entry(NamedTuple):
    """One line and its time in nanoseconds since 1970."""

    at: int
    line: str


class LogFile:
    """One file, read on as it grows; starts over when it was truncated."""

    def __init__(self, path: Path) -> None:
        self.labels: Labels = {
            "compose_project": PROJECT,
            "container_name": current().name(path.stem),
            "service": current().name(path.stem),
        }
        self._path = path
        self._offset = 0
        self._entries: list[Entry] = []

    def entries(self) -> list[Entry]:
        """All complete lines so far, in the order of their times."""
        if self._path.stat().st_size < self._offset:
            self._offset, self._entries = 0, []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        new = new[: new.rfind(b"\n") + 1]
        if new:
            self._offset += len(new)
            last = self._entries[-1].at if self._entries else time.time_ns()
            for line in new.decode(errors="replace").splitlines():
                last = time_of(line) or last  # a line without a time belongs to the one before
                self._entries.append(Entry(last, line))
            self._entries.sort(key=lambda entry: entry.at)
        return self._entries


class Streams:
    """All log files of a lab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, LogFile] = {}

    def __iter__(self) -> Iterator[tuple[Labels, list[Entry]]]:
        for path in sorted(self._folder.glob("*.log")):
            file = self._files.setdefault(path, LogFile(path))
            with contextlib.suppress(FileNotFoundError):  # rotated away since the listing
                yield file.labels, file.entries()


def with_error_spike(entries: list[Entry]) -> list[Entry]:
    """Give the entries and 200 errors of the last minute (seeded fault loki-error-spike)."""
    now = time.time_ns()
    spike = [
        Entry(at, json.dumps({"timestamp": at, "level": "ERROR", "event": "seeded", "message": "ERROR spike"}))
        for at in range(now - 60 * NANOS, now, 60 * NANOS // _SPIKE_LINES)
    ]
    return sorted([*entries, *spike])


def time_of(line: str) -> int | None:
    """Give the time that a JSON, logfmt or text line states, in nanoseconds since 1970, or None."""
    for pattern, form in _TEXT_TIMES:
        if found := pattern.match(line):
            return nanos(datetime.strptime(found[0], form).replace(tzinfo=UTC))
    try:
        stated = json.loads(line)["timestamp"] if line.startswith("{") else None
    except (ValueError, KeyError, RecursionError):
        return None
    if stated is None:
        logfmt = _LOGFMT_TIME.search(line[:200])
        stated = logfmt[1] if logfmt else None
    try:
        when = datetime.fromisoformat(str(stated))
    except ValueError:
        return None
    return nanos(when) if when.tzinfo else None
