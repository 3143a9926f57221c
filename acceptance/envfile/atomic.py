"""Replace a file's content in one step, durably, with its mode, owner, ACL and extended attributes kept.

A restore writes in place where that is not possible: a flag that stays on is worse than a reader who sees half a file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from acceptance.disk import owner_name, sync_folder
from acceptance.envfile.obstacles import attributes

_THE_KERNELS = frozenset({"security.ima", "security.evm"})
"""Digests of a file's content and attributes, which the kernel writes for itself."""


class WouldChange(PermissionError):
    """This process may not give the new file the old one's owner, ACL or attributes."""


def scratch_of(path: Path) -> Path:
    """Give the one temporary name used beside `path`; a killed writer leaves at most this."""
    return path.with_name(f"{path.name}.acceptance.tmp")


def replace_bytes(path: Path, content: bytes, before_rename: Callable[[], object] = lambda: None) -> None:
    """Give `path`, an existing regular file, new content. A reader sees the old file or the new one.

    The caller holds a lock: writers share one temporary name, so that what a killed one left is overwritten.

    Args:
        path: The file.
        content: What is to be in it.
        before_rename: Called when the new file is complete; what it raises leaves the old one untouched.

    Raises:
        WouldChange: Before anything is changed.
        OSError: Disk full, read-only or the like; the file is as it was.
    """
    scratch = scratch_of(path)
    scratch.unlink(missing_ok=True)
    try:
        _write(scratch, content, path)
        before_rename()
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def overwrite_bytes(path: Path, content: bytes) -> None:
    """Give `path` new content in place: for a restore, where its folder or disk takes no new file.

    One write: a kill of this process comes before or after it. What does not fit leaves it as it was.

    Raises:
        OSError: The file is as it was.
    """
    with path.open("r+b", buffering=0) as stream:
        old = stream.read()
        fits = os.pwrite(stream.fileno(), content, 0) == len(content)
        if not fits:
            os.pwrite(stream.fileno(), old, 0)
        stream.truncate(len(content if fits else old))
        os.fsync(stream.fileno())
    if not fits:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _write(scratch: Path, content: bytes, like: Path) -> None:
    """Write and sync the new file. It is private until its owner is right: the content holds secrets."""
    old = like.stat()
    with open(scratch, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        new = os.fstat(stream.fileno())
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(stream.fileno(), old.st_uid, old.st_gid)
            except PermissionError as error:
                raise WouldChange(f"owner {owner_name(old)} would become {owner_name(new)}") from error
        stream.write(content)
        stream.flush()
        _carry_over(attributes(like), stream.fileno())
        os.fchmod(stream.fileno(), stat.S_IMODE(old.st_mode))
        os.fsync(stream.fileno())


def _carry_over(wanted: dict[str, bytes], fd: int) -> None:
    """Give a file these attributes, its ACL among them, and no others: a folder's default ACL gives it some."""
    present = attributes(fd)
    for name in sorted((wanted.keys() | present.keys()) - _THE_KERNELS):
        if wanted.get(name) == present.get(name):
            continue
        try:
            if name in wanted:
                os.setxattr(fd, name, wanted[name])
            else:
                os.removexattr(fd, name)
        except OSError as error:
            raise WouldChange(f"its attribute {name} would be lost ({error.strerror})") from error
