"""Find what would keep a file from being replaced as it is, before an intent to replace it is journalled."""

from __future__ import annotations

import errno
import os
import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from shlex import quote

from acceptance.disk import owner_name, user_name

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h
_FIXED = {0x10: "immutable", 0x20: "append-only"}
_MOUNTS = Path("/proc/self/mountinfo")


def regular_bytes(real: Path) -> bytes:
    """Read a file; nothing else, for a pipe would be waited for and be empty for its true reader.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    if not real.is_dir() and not real.is_file():
        raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, and no regular file", str(real))
    return real.read_bytes()


def obstacles(real: Path) -> Iterator[tuple[str, str]]:
    """Give each reason why `real` cannot be replaced in one step with all that it has, and what to do about it."""
    folder, found = real.parent, real.stat()
    if not os.access(folder, os.W_OK | os.X_OK):
        yield f"its folder {folder} is not writable, so it cannot be replaced", "run as a user who may"
    groups = {os.getegid(), *os.getgroups()}
    if os.geteuid() and (found.st_uid != os.geteuid() or found.st_gid not in groups):
        whose = f"it belongs to {owner_name(found)} and this process runs as {user_name(os.geteuid())}"
        yield f"{whose}, so a change would change its owner", "run as the owner or root"
    if found.st_nlink > 1:
        names = f"it has {found.st_nlink} names (hard links), and only this one would change"
        yield names, f"make it one file again; find the others with: find / -xdev -inum {found.st_ino}"
    if str(real) in _mount_points():
        yield "it is a mount point (a bind mount), which cannot be replaced", f"mount its folder {folder} instead"
    for path, what in ((real, "it"), (folder, f"its folder {folder}")):
        if fixed := _fixed(path):
            yield f"{what} is {fixed}", f"lift that for the run: chattr -ia {quote(str(path))}"


def attributes(file: int | Path) -> dict[str, bytes]:
    """Read the extended attributes, ACLs among them, by name; none where the file system knows none."""
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise


def _fixed(path: Path) -> str:
    """Say which of `chattr`'s locks is on; nothing where the file system has none, or we may not look."""
    flags = array("l", [0])
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY)
        try:
            ioctl(fd, _GET_FLAGS, flags)
        finally:
            os.close(fd)
    return " and ".join(name for bit, name in _FIXED.items() if flags[0] & bit)


def _mount_points() -> set[str]:
    """Name every mount point that this process sees; the kernel writes spaces and the like in octal."""
    lines = _MOUNTS.read_text(errors="surrogateescape").splitlines() if _MOUNTS.exists() else []
    return {re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines}
