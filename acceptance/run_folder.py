"""Tell from a run's folder whether a run is at work in it, and when it was begun."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

NAME = re.compile(r"(.+)-(\d{8}T\d{6}Z)-\w+")
"""A run's folder: its target, when it began (UTC), and random digits."""


def hold(folder: Path) -> int:
    """Mark a folder as one in which a run is at work, for as long as the descriptor stays open in any process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # only told to others: no run ends for a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def at_work(folder: Path) -> str:
    """Say since when a run of this host is at work in its folder; empty where none is, or nobody can know."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        named = NAME.fullmatch(folder.name)
        return f"{datetime.fromisoformat(named[2]):%Y-%m-%d %H:%M:%S} UTC" if named else "a time that nobody noted"
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""
