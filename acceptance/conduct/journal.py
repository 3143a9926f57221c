"""Write and read the undo journal of a target: beside its env file, synced before each change.

Append-only JSON lines, each with a checksum. An intent without a settlement is a change that may have
happened; undoing it must therefore be harmless when it did not. A torn last line is an intent whose mutation
never began, since the mutation waits for the sync.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from acceptance.disk import LOCK, SHARED, share, sync_folder, user_name
from acceptance.verdict import RecoveryNeeded

VERSION = 2
Op = Literal["open", "intend", "settle", "close"]


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        op: `open` by a run, `intend` to mutate, `settle` an intent, `close` by the run.
        id: Number of the intent, for `intend` and `settle`.
        what: The mutation, or how it was settled, in words.
        undo: What undoes the intent: `{"kind": "flag" | "restart" | "data" | ..., ...}`.
        left_enabled: Flags that stay on by choice: by this settlement, or for `open` by all runs before.
    """

    op: Op
    run: str
    at: str
    id: int = 0
    what: str = ""
    undo: Mapping[str, Any] = field(default_factory=dict)
    left_enabled: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def is_data(self) -> bool:
        """Whether it is test data; all else changes the target, by a flag or a restart."""
        return bool(self.undo.get("kind") == "data")


class Journal:
    """The journal file of one target, held open by one run (the caller holds the target's lock)."""

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        self._run = run
        self._next = 1

    def open(self) -> None:
        """Start this run's journal in place of a closed one, whose flags that stay on are named in it.

        One that names test data which could not be removed yet goes on: it is no reason not to begin.

        Raises:
            RecoveryNeeded: An earlier run left intents that nobody settled.
        """
        pending = self.adopt()
        if left := [entry for entry in pending if not entry.is_data]:  # guard: no-new-run-over-an-open-journal
            raise RecoveryNeeded(
                f"{self.path}: run {left[0].run} ended without undoing {len(left)} change(s), "
                f"the last being «{left[0].what}»; recover it first, with recover.py and the same --target"
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stay = tuple(sorted(self.left_enabled()))
        begun = self.path if pending else self.path.with_suffix(".begun")
        if not pending:
            begun.unlink(missing_ok=True)
        self._append("open", begun, left_enabled=stay)
        begun.replace(self.path)  # in one step: a full disk, or a kill, forgets no flag that stays on
        sync_folder(self.path.parent)  # guard: journals-folder-synced-when-it-is-new

    def intend(self, what: str, undo: Mapping[str, Any]) -> int:
        """Note a mutation before it is made; it is on disk when this returns.

        Raises:
            OSError: It could not be written; the mutation must not be made.
        """
        number, self._next = self._next, self._next + 1
        self._append("intend", id=number, what=what, undo=undo)
        return number

    def intend_data(self, prefix: str, left: Mapping[str, Any] | None = None) -> int:
        """Note test data with this prefix, as `intend`, or what attacks with it may have left."""
        what = f"test data of {prefix}{' left by attacks' if left else ''}"
        return self.intend(what, {"kind": "data", "prefix": prefix, **(left or {})})

    def settle(self, number: int, how: str, left_enabled: Iterable[str] = ()) -> None:
        """Note that an intent needs no undo any more: it was undone, or these flags stay on by choice."""
        self._append("settle", id=number, what=how, left_enabled=tuple(left_enabled))

    def close(self) -> None:
        """End the journal; nothing but test data may be left to undo.

        Raises:
            RecoveryNeeded: Intents are pending.
        """
        if left := [entry for entry in self.pending() if not entry.is_data]:  # guard: no-closing-over-an-open-intent
            raise RecoveryNeeded(f"{self.path}: cannot be closed, «{left[0].what}» is not undone; run recover.py")
        self._append("close")

    def is_closed(self) -> bool:
        """Tell whether there is nothing to close: no journal, or one whose last whole line closes it."""
        ops = [entry.op for entry in self.entries()]
        return not ops or ops[-1] == "close"

    def pending(self) -> list[Entry]:
        """Give the intents that nobody settled, the newest first.

        Raises:
            RecoveryNeeded: The journal comes from a newer version, or is damaged.
        """
        intents: dict[int, Entry] = {}
        for entry in self.entries():
            if entry.op == "intend":
                intents[entry.id] = entry
            elif entry.op == "settle":
                intents.pop(entry.id, None)
        return sorted(intents.values(), key=lambda entry: entry.id, reverse=True)

    def left_enabled(self) -> set[str]:
        """Give the flags that accepted stages left enabled, and that no later run has changed.

        Raises:
            RecoveryNeeded: As for `pending`.
        """
        flags: set[str] = set()
        for entry in self.entries():
            flags -= set(entry.undo.get("change", {}).get("keys", ()))
            flags |= set(entry.left_enabled)
        return flags

    def entries(self) -> Iterator[Entry]:
        """Read all whole lines in order.

        Raises:
            RecoveryNeeded: As for `pending`.
        """
        lines = self._content().splitlines(keepends=True)
        for number, line in enumerate(lines):
            entry = _decode(line)
            if entry is None and number == len(lines) - 1:  # guard: torn-last-line
                return  # torn by a crash: its mutation never began
            if entry is None:
                raise RecoveryNeeded(
                    f"{self.path}, line {number + 1}: the checksum does not fit, so what to undo is not known; move it "
                    "away, then run recover.py with the same --target: it names each flag that is on, and the commands "
                    "that switch it off"
                )
            if entry.version > VERSION:  # guard: journal-of-a-newer-version
                raise RecoveryNeeded(
                    f"{self.path}: written by version {entry.version} of the journal, this suite reads up to "
                    f"{VERSION}; run recover.py of the newer suite"
                )
            yield entry

    def adopt(self) -> list[Entry]:
        """Take over the open intents of a crashed run to undo them; new numbers follow theirs."""
        left = self.pending()
        self._next = max((entry.id for entry in self.entries()), default=0) + 1
        return left

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:  # guard: journal-that-cannot-be-read-is-no-empty-one
            raise RecoveryNeeded(
                f"{self.path}: expected a file that {user_name(os.geteuid())} may read, found {error.strerror}; what "
                "to undo is not known; do this as a user who may, or by sudo"
            ) from error

    def _append(self, op: Op, path: Path | None = None, **facts: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = json.dumps(asdict(Entry(op=op, run=self._run, at=now, **facts)))
        line = f"{zlib.crc32(body.encode()):08x} {body}\n".encode()
        path = path or self.path
        fresh = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, SHARED)
        try:
            if fresh:
                share(descriptor, path.with_name(LOCK))
            os.lseek(descriptor, _whole_length(descriptor), os.SEEK_SET)  # guard: torn-tail-written-over
            # guard: half-a-journal-line-is-a-full-disk
            if os.write(descriptor, line) < len(line):  # a short write is how a disk says that it is full
                raise OSError(errno.ENOSPC, "the journal's disk is full", str(path))
            os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
            os.fsync(descriptor)  # guard: journal-synced-before-the-mutation
        finally:
            os.close(descriptor)


def _decode(line: bytes) -> Entry | None:
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):  # guard: checksum-of-a-line
        return None
    known = {one.name for one in fields(Entry)}
    return Entry(**{key: value for key, value in json.loads(body).items() if key in known})


def _whole_length(descriptor: int) -> int:
    """Give the length up to the last line end: a torn tail is written over."""
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, size, 0)
    return text.rfind(b"\n") + 1
