"""Let one run at a time change a target: an exclusive `flock` on a file beside the target's env file.

The kernel holds the lock and releases it when its holder dies, so a crash never makes anybody wait, and nothing has to
be kept fresh. Who holds it is written into the file, for people only. The folder has the env file's group, so that
everybody who may change that file meets the same lock and the same journal, whatever the account or home folder.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Self

from acceptance.disk import LOCK, SHARED, owner_name, share, user_name
from acceptance.envfile.flock import flocked
from acceptance.people import login_name
from acceptance.process import is_stopped
from acceptance.target.loading import journal_beside
from acceptance.verdict import Refused

_PATIENCE_S = 0.5  # what a process that was forked at the wrong moment needs to let go of an inherited lock


class LockHeld(Refused):
    """Another run holds the target; the message says who, where, since when, and what to do."""


class LockUnusable(Refused):
    """The lock's folder cannot be written, or its file system knows no locks."""


@dataclass(frozen=True)
class Owner:
    """Who holds a target: host name and process id (for people), user, run id, and since when (aware)."""

    host: str
    pid: int
    user: str
    run_id: str
    since: datetime

    @classmethod
    def here(cls, run_id: str) -> Self:
        """Return this process as the owner, from now."""
        return cls(socket.gethostname(), os.getpid(), login_name(), run_id, datetime.now(UTC))

    def __str__(self) -> str:
        since = f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"run {self.run_id} of {self.user} on {self.host} (process {self.pid}), since {since}"

    def to_json(self) -> str:
        """Return the owner as it stands in the lock file."""
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
        folder: The target's journal folder; made if absent, with the group of the env file.
        owner: Who asks.
        env_file: The file whose group may share the folder.
    """

    def __init__(self, folder: Path, owner: Owner, env_file: Path) -> None:
        self.file = folder / LOCK
        self._beside = journal_beside(env_file) / self.file.name
        self._owner = owner
        self._env_file = env_file
        self._held = ExitStack()
        self._fd = -1

    def acquire(self) -> None:
        """Acquire the lock without waiting. If its folder is not beside the env file, also acquire the lock there.

        Raises:
            LockHeld: Somebody else has it.
            LockUnusable: There can be no lock in this folder.
        """
        with ExitStack() as stack:
            self._fd = self._take(stack, self.file)
            same = self._beside.exists() and self._beside.samefile(self.file)
            if self._env_file.exists() and not same:
                with suppress(LockUnusable):  # who may not write there changes no env file there either
                    self._take(stack, self._beside)  # guard: one-env-file-has-one-lock
            self._held = stack.pop_all()

    def _take(self, stack: ExitStack, file: Path) -> int:
        """Lock one file for as long as the stack lasts, and write into it whose it is; gives its descriptor."""
        try:
            make_shared(file.parent, self._env_file)
            fd = stack.enter_context(flocked(file, timeout_s=_PATIENCE_S, mode=SHARED))
            share(fd, self._env_file)
            with suppress(OSError):  # guard: full-disk-forbids-no-lock
                os.ftruncate(fd, 0)
                os.pwrite(fd, self._owner.to_json().encode(), 0)
        except BlockingIOError:
            raise LockHeld(_who_holds(file)) from None  # guard: lock-on-one-host
        except OSError as error:
            raise LockUnusable(_unusable(file.parent, error)) from error
        else:
            return fd

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        with self._held:
            if self._fd >= 0:
                with suppress(OSError):
                    os.ftruncate(self._fd, 0)
        self._held, self._fd = ExitStack(), -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def lost(self) -> str | None:
        """Say why the lock is no longer held, or None; ask before each mutation."""
        try:
            same = os.path.samestat(self.file.stat(), os.fstat(self._fd))
        except OSError as error:
            return f"{self.file} is gone ({error.strerror})"
        return None if same else f"{self.file} was replaced by another file"


def holder_by(file: Path) -> Owner | None:
    """Return who holds a target, or did when it died, by the file of its lock; None when nobody says so."""
    try:
        return Owner.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _who_holds(file: Path) -> str:
    holder = holder_by(file)
    if holder is None:
        return f"target in use: {file} is locked, by whom is not said; see it with: fuser {quote(str(file))}"
    wait, end_it = "wait until it ends", f"kill -TERM {holder.pid}"
    if holder.host == socket.gethostname() and is_stopped(holder.pid):
        go_on = f"kill -CONT {holder.pid}"
        wait, end_it = f"it is stopped: let it go on with {go_on}", f"{end_it}; {go_on}"
    end_it = f"end it on {holder.host} with {end_it} (it first undoes what is open)"
    return f"target in use: {holder}; {file} is locked; {wait}, or {end_it}"


def in_use(folder: Path, run_id: str) -> str:
    """Say who else than a run is at work on a target now, or nothing; it is only asked, and let go of at once."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = holder_by(folder / LOCK)
        return "" if holder and holder.run_id == run_id else _who_holds(folder / LOCK)
    except OSError:  # no lock is there, or none can be had: a run says why
        return ""
    return ""


def make_shared(folder: Path, env_file: Path) -> None:
    """Make a folder that the env file's owner and group may use; one that is there already is left as it is.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # who may not give it away keeps it; the others are then told that they cannot use it
        of = env_file.stat()
        os.chown(folder, of.st_uid if os.geteuid() == 0 else -1, of.st_gid)
    folder.chmod(0o2770)


def _unusable(folder: Path, error: OSError) -> str:
    where = Path(error.filename or folder)
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        remedy = "its file system knows no locks; set JOURNAL_DIR to a folder on one that does"
    elif error.errno in (errno.EACCES, errno.EPERM):
        remedy = (
            "be in the env file's group, or use sudo, so that this user may write to it; or correct JOURNAL_DIR in "
            "the target file, for everybody who deploys"
        )
    else:
        remedy = "see what is there, or correct JOURNAL_DIR in the target file, for everybody who deploys"
    found = f"{where}: {error.strerror or error}{_whose(where)}"
    return f"no lock can be had in {folder}: {found}; nothing was changed; {remedy}"


def _whose(path: Path) -> str:
    """Say whose a file is that was refused, or its folder, and who asked."""
    for each in (path, *path.parents):
        with suppress(OSError):
            found = each.lstat()
            return f" ({each.name}: {owner_name(found)}, {found.st_mode & 0o7777:o}; this is {user_name(os.geteuid())})"
    return ""
