"""Wait for an exclusive lock on a file, with a deadline. The kernel releases it when its holder dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance.disk import lock


@contextmanager
def flocked(path: Path, timeout_s: float, mode: int = 0o600) -> Iterator[int]:
    """Hold an exclusive flock on `path`, made if absent and left behind; yields its file descriptor.

    The file stays because removing it would let two holders lock two files of the same name.

    Args:
        path: The lock file; a symbolic link is refused.
        timeout_s: Longest wait in seconds; 0 tries once.
        mode: Permission bits of a new lock file, before the umask.

    Raises:
        BlockingIOError: Somebody else holds it.
        OSError: The lock file cannot be made or opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)
    try:
        lock(fd, timeout_s)
        yield fd
    finally:
        os.close(fd)
