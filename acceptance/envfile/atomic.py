"""Replace a file's content in one step, durably, with its mode and owner kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from acceptance.disk import owner_name, sync_folder, user_name


class OwnerWouldChange(PermissionError):
    """This process may not give the new file to the old file's owner."""


def scratch_of(path: Path) -> Path:
    """The one temporary name used beside `path`; a killed writer leaves at most this."""
    return path.with_name(f"{path.name}.acceptance.tmp")


def replace_bytes(path: Path, content: bytes) -> None:
    """Give `path`, an existing regular file, new content. A reader sees the old file or the new one.

    The caller holds a lock: writers share one temporary name, so that what a killed one left is overwritten.

    Raises:
        OwnerWouldChange: Before anything is changed.
        OSError: Disk full, read-only or the like; the file is as it was.
    """
    old = path.stat()
    scratch = scratch_of(path)
    scratch.unlink(missing_ok=True)
    try:
        _write(scratch, content, old)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def owner_obstacle(path: Path) -> str | None:
    """Why this process could not keep the owner of `path`, or None when it can (or is root)."""
    found = path.stat()
    groups = {os.getegid(), *os.getgroups()}
    if os.geteuid() == 0 or (found.st_uid == os.geteuid() and found.st_gid in groups):
        return None
    return f"it belongs to {owner_name(found)} and this process runs as {user_name(os.geteuid())}"


def _write(scratch: Path, content: bytes, like: os.stat_result) -> None:
    """Write and sync the new file. It is private until its owner is right: the content holds secrets."""
    with open(scratch, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        new = os.fstat(stream.fileno())
        if (new.st_uid, new.st_gid) != (like.st_uid, like.st_gid):
            try:
                os.fchown(stream.fileno(), like.st_uid, like.st_gid)
            except PermissionError as error:
                raise OwnerWouldChange(f"owner {owner_name(like)} would become {owner_name(new)}") from error
        stream.write(content)
        stream.flush()
        os.fchmod(stream.fileno(), stat.S_IMODE(like.st_mode))
        os.fsync(stream.fileno())
