"""One run at a time per target, also from two hosts that share the folder.

Two means, because neither is enough. flock is released by the kernel when its holder dies, but some shared
file systems keep it to one host. So the holder also leaves a record with its host, and touches it: on another
host it counts until it has not been touched for a lease. On the same host flock alone decides, so that a
crash never makes anybody wait. The filelock package gives the first half only; the second would still be ours.

The record's age is measured by the folder's own clock (the time stamp of a file just made there), so that
hosts whose clocks differ agree.
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from acceptance.envfile.flock import flocked
from acceptance.verdict import Refused

LEASE_S = 60.0
_PATIENCE_S = 0.5  # what a process that was forked at the wrong moment needs to let go of an inherited lock


class LockHeld(Refused):
    """Another run holds the target; the message says who, where, since when, and what to do."""


class LockUnusable(Refused):
    """The lock's folder cannot be written, or its file system knows no locks."""


@dataclass(frozen=True)
class Owner:
    """Who holds a target: host name, process id, user, run id, and since when (aware)."""

    host: str
    pid: int
    user: str
    run_id: str
    since: datetime

    @classmethod
    def here(cls, run_id: str) -> Self:
        """Return this process as the owner, from now."""
        return cls(socket.gethostname(), os.getpid(), getpass.getuser(), run_id, datetime.now(UTC))

    def __str__(self) -> str:
        since = f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"run {self.run_id} of {self.user} on {self.host} (process {self.pid}), since {since}"

    def to_json(self) -> str:
        """Return the record as it stands in the holder file."""
        return json.dumps(asdict(self) | {"since": self.since.isoformat()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Return the owner that `to_json` gave, or None for anything else."""
        try:
            data = json.loads(text)
            return cls(**data | {"since": datetime.fromisoformat(data["since"])})
        except (ValueError, TypeError, KeyError):
            return None


class TargetLock:
    """The exclusive right to change one target.

    Args:
        folder: The target's journal folder; made if absent.
        owner: Who asks.
        lease_s: After how many seconds without a touch a holder on *another* host counts as dead.
    """

    def __init__(self, folder: Path, owner: Owner, lease_s: float = LEASE_S) -> None:
        self.file = folder / "target.lock"
        self.holder_file = folder / "target.holder.json"
        self._owner = owner
        self._lease_s = lease_s
        self._held = ExitStack()
        self._stop = threading.Event()
        self._lost: str | None = None

    def acquire(self) -> None:
        """Take the lock at once or not at all, and keep it fresh until `release`.

        Raises:
            LockHeld: Somebody else has it.
            LockUnusable: There can be no lock in this folder.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                stack.enter_context(flocked(self.file, timeout_s=_PATIENCE_S, mode=0o660))
                self._claim()
                self._held = stack.pop_all()
        except BlockingIOError:
            raise LockHeld(self._held_here()) from None
        except OSError as error:
            raise LockUnusable(_unusable(self.file.parent, error)) from error
        self._stop.clear()
        self._lost = None
        threading.Thread(target=self._keep_fresh, name="target-lock", daemon=True).start()

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        self._stop.set()
        with self._held, suppress(OSError):  # a record that stays names a run that is gone: nobody waits for it
            if self.holder() == self._owner:
                self.holder_file.unlink()
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def holder(self) -> Owner | None:
        """Return who holds the target, or did when it died; None when nobody says so."""
        try:
            return Owner.from_json(self.holder_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def lost(self) -> str | None:
        """Return why the lock is no longer this run's, or None while it is. Look before each mutation."""
        return self._lost

    def _claim(self) -> None:
        """Put our record in place by a link, which only one host can make, unless another host's is fresh."""
        ours = self.file.with_name(f"target.holder.{self._owner.host}.{self._owner.pid}.tmp")
        ours.write_text(self._owner.to_json(), encoding="utf-8")
        try:
            folder_now = ours.stat().st_mtime
            other = self.holder()
            if other is not None and other.host != self._owner.host:
                idle = folder_now - self.holder_file.stat().st_mtime
                if idle < self._lease_s:
                    raise LockHeld(self._held_elsewhere(other, idle))
            self._put_aside(other)
            self.holder_file.hardlink_to(ours)
        except FileExistsError:
            raise LockHeld(f"target in use: {self.holder()} took it at this moment; wait until it ends") from None
        finally:
            ours.unlink(missing_ok=True)

    def _put_aside(self, dead: Owner | None) -> None:
        """Remove a dead holder's record, but not one that a third host put in its place since we looked."""
        aside = self.file.with_name(f"target.holder.{self._owner.host}.{self._owner.pid}.old")
        try:
            self.holder_file.rename(aside)
        except FileNotFoundError:
            return
        try:
            if Owner.from_json(aside.read_text(encoding="utf-8")) != dead:
                self.holder_file.hardlink_to(aside)
                raise FileExistsError(self.holder_file)
        finally:
            aside.unlink()

    def _keep_fresh(self) -> None:
        while not self._stop.wait(self._lease_s / 6):
            try:
                if (holder := self.holder()) != self._owner:
                    self._lost = f"{self.holder_file} now names {holder or 'nobody'}, not this run"
                    return
                os.utime(self.holder_file)
                self._lost = None
            except OSError as error:
                self._lost = f"{self.holder_file} cannot be kept fresh: {error.strerror or error}"

    def _held_here(self) -> str:
        holder = self.holder()
        if holder is None:
            return f"target in use: {self.file} is locked, by whom is not said; see it with: fuser {self.file}"
        end_it = f"on {holder.host}: kill -TERM {holder.pid} (it then rolls back)"
        return f"target in use: {holder}; {self.file} is locked; wait until it ends, or end it {end_it}"

    def _held_elsewhere(self, other: Owner, idle_s: float) -> str:
        return (
            f"target in use: {other}, last seen {max(idle_s, 0):.0f} s ago in {self.holder_file}; wait until it ends; "
            f"if {other.host} is down, its hold runs out in {self._lease_s - idle_s:.0f} s: start again then, and "
            f"what it left half done is undone first"
        )


def _unusable(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        remedy = "its file system knows no locks; set JOURNAL_DIR to a folder on one that does"
    else:
        remedy = "make it a folder that this user may write to, or correct JOURNAL_DIR in the target file"
    return f"no lock can be had in {folder}: {error.strerror or error}; nothing was changed; {remedy}"
