"""Judge what an upload left in the storage: after a refusal nothing may stay, and some things are never harmless."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_RIGHTS = stat.S_ISUID | stat.S_ISGID


def is_left(path: Path) -> bool:
    """Tell whether a file or link is still there; an empty folder harms nobody."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def is_unsafe(path: Path, root: Path) -> bool:
    """Tell whether a file does harm inside the storage too: a device, a pipe, setuid rights, a link out of it."""
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISLNK(mode):
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    return not stat.S_ISDIR(mode) and (not stat.S_ISREG(mode) or bool(mode & _RIGHTS))
