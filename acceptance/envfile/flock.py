"""Wait for an exclusive lock on a file, with a deadline. The kernel releases it when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

_POLL_S = 0.02


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
        for attempt in Retrying(
            retry=retry_if_exception_type(BlockingIOError),
            stop=stop_after_delay(timeout_s),
            wait=wait_fixed(_POLL_S),
            reraise=True,
        ):
            with attempt:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)
