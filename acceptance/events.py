"""Write and read the run's event log: append-only, hash-chained, the only source of the record.

The HTML page is written at the end and loses what a crashed worker held. This log loses nothing: each
line is written when the thing happened, by whichever process saw it, and names the hash of the line before.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acceptance.disk import lock
from acceptance.redact import Redactor

EVENTS = "events.jsonl"
"""Name of the log in a run's folder."""
GENESIS = "0" * 64
_BLOCK = 65536
_PATIENCE_S = 5.0
"""How long another writer of the same log may take; it needs a few milliseconds."""


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes:
        seq: Position, from 0 without gaps.
        at: When it was written, UTC, RFC 3339.
        kind: Dotted name, such as `check.finished`; the list is in `docs/record.md`.
        data: JSON-able facts, already redacted.
        prev: SHA-256 of the line before, or zeros.
        hash: SHA-256 over the five fields above.
    """

    seq: int
    at: str
    kind: str
    data: Mapping[str, Any]
    prev: str
    hash: str


class TamperedLog(Exception):
    """A line does not carry the hash that its content and its predecessor give."""


class EventLog:
    """The log of one run; several processes of one host may append to the same file."""

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        self.path = path
        self._redactor = redactor or Redactor([])

    def append(self, kind: str, /, **data: Any) -> Event:
        """Write one event and return it.

        Raises:
            OSError: The log cannot be written (disk full, folder gone, or held by a process that was stopped).
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            lock(stream.fileno(), _PATIENCE_S)
            seq, prev, end = _tip(stream.fileno())
            stream.truncate(end)  # a line that a dying process left torn
            stream.seek(end)
            body: dict[str, Any] = {
                "seq": seq,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "kind": kind,
                "data": self._redactor.facts(_plain(data)),
                "prev": prev,
            }
            event = Event(**body, hash=_digest(body))
            line = json.dumps(body | {"hash": event.hash}).encode() + b"\n"
            # guard: half-an-event-is-a-full-disk
            if stream.write(line) != len(line):  # a disk takes what still fits
                raise OSError(errno.ENOSPC, "only a part of the event could be written", str(self.path))
        return event


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a log in order, checking the chain; a torn last line ends it without an error.

    Raises:
        TamperedLog: A complete line was changed, removed or put in.
    """
    prev = GENESIS
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        if not line.endswith(b"\n"):
            return  # the writer died in this line; all before it is whole
        try:
            body = json.loads(line)
            found = body.pop("hash")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise TamperedLog(f"{path}, line {number + 1}: not an event ({error})") from error
        if body.get("prev") != prev or _digest(body) != found:
            raise TamperedLog(
                f"{path}, line {number + 1}: expected the hash {_digest(body | {'prev': prev})[:12]} of this line and "
                f"those before it, found {found[:12]}; the log was changed after it was written"
            )
        prev = found
        yield Event(**body, hash=found)


def expecting(event: Event, wanted: Callable[[Mapping[str, Any]], bool]) -> Event:
    """Give `checks.expected` with only the wanted checks; any other event unchanged."""
    if event.kind != "checks.expected":
        return event
    checks = [check for check in event.data.get("checks") or () if wanted(check)]
    return replace(event, data={**event.data, "checks": checks})


def _plain(data: Mapping[str, Any]) -> Any:
    """Convert data to what JSON and UTF-8 can hold; a byte that is no text becomes `?`."""
    return json.loads(json.dumps(data, default=str, ensure_ascii=False).encode("utf-8", "replace"))


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _tip(descriptor: int) -> tuple[int, str, int]:
    """Give the next sequence number, the last hash and the end of the last whole line.

    Only the file's end is read.
    """
    start = os.fstat(descriptor).st_size
    tail = b""
    while start > 0 and tail.count(b"\n") < 2:
        step = min(_BLOCK, start)
        start -= step
        tail = os.pread(descriptor, step, start) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    if not whole:
        return 0, GENESIS, 0
    last = json.loads(whole.splitlines()[-1])
    return int(last["seq"]) + 1, str(last["hash"]), start + len(whole)
