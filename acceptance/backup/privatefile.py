"""Write files that only this user may read: backups hold secrets and personal data (pre.technical.3)."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def private_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Write a new file that only this user may read, and sync it to the disk.

    Raises:
        OSError: It is there already, or cannot be written.
    """
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        yield stream
        stream.flush()
        os.fchmod(stream.fileno(), mode & 0o600)
        os.fsync(stream.fileno())


def copy_private(source: Path, to: Path) -> str:
    """Copy a file with its mode, without the rights of others; returns the SHA-256 of what was read.

    Raises:
        OSError: One of the two cannot be opened or written.
    """
    content = source.read_bytes()
    with private_file(to, stat.S_IMODE(source.stat().st_mode)) as stream:
        stream.write(content)
    return hashlib.sha256(content).hexdigest()
