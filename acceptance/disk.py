"""Do with files what several rooms need: name an owner, lock, digest, replace, sync, and tell the free space."""

from __future__ import annotations

import errno
import fcntl
import grp
import hashlib
import os
import pwd
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from acceptance.verdict import Inconclusive

GONE = (errno.ENOENT, errno.ESTALE)
"""Of a file that was removed while we looked: here, or on a file server by another host."""
_POLL_S = 0.02
SHARED = 0o660
"""Mode of what the accounts that change a target write in common, whatever the umask."""
LOCK = "target.lock"
"""Its group is the env file's, also in a folder of another group; that of what lies beside it is the lock's."""


def lock(descriptor: int, timeout_s: float) -> None:
    """Take the exclusive flock of an open file, which is held until that is closed.

    Raises:
        BlockingIOError: Somebody else has held it for so long; 0 tries once.
    """
    trying = Retrying(
        retry=retry_if_exception_type(BlockingIOError),
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(_POLL_S),
        reraise=True,
    )
    trying(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def share(descriptor: int, like: Path) -> None:
    """Let a file's owner and group be those of another one, as far as we may, for both to read and write.

    A folder that was there before need not pass its group on to what is made in it.
    """
    with suppress(OSError):  # made by another account, who did this
        os.fchmod(descriptor, SHARED)
        of = like.stat()
        os.fchown(descriptor, of.st_uid if os.geteuid() == 0 else -1, of.st_gid)


def owner_name(found: os.stat_result) -> str:
    """`USER:GROUP`, or their numbers where they have no name."""
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{user_name(found.st_uid)}:{group}"


def user_name(uid: int) -> str:
    """Give the user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def sha256_of(path: Path) -> str:
    """Digest a file in chunks, in hex.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old or the new one, never a half."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8", errors="surrogateescape")  # a name may be no UTF-8
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)  # a disk that is full leaves a part of it, which a manifest would list


def require_writable(path: Path, otherwise: str) -> None:
    """Refuse what would end in a file that cannot be written: one that is there, or a new one in its folder.

    Raises:
        Inconclusive: It cannot be; `otherwise` says what was not done.
    """
    try:
        if path.exists():
            os.close(os.open(path, os.O_RDWR))
        else:
            TemporaryFile(dir=path.parent).close()
    except OSError as error:
        where, told = path if path.exists() else path.parent, f"found {error.strerror}; {otherwise}"
        raise Inconclusive(
            f"{where}: expected it can be written, {told}; correct its rights, or work on a copy of the folder"
        ) from error


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, so that a new or replaced name outlasts a power loss.

    A file system that syncs no folder, as some over a network do, is left to itself.

    Raises:
        OSError: It is not there, is no folder, or cannot be synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)


def free_bytes(path: Path) -> int:
    """Give the space left for ordinary users on the disk that holds `path`."""
    try:
        return shutil.disk_usage(path).free
    except OSError as error:
        raise Inconclusive(
            f"{path}: the free space cannot be seen ({error}); correct the path, or the right to read it"
        ) from error
