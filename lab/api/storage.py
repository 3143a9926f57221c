"""Where archives are kept: the legacy layout and the new adapter (checklist 21_01c.rollout.1 and .3).

Both take a received file by renaming it from `.incoming`, on the same file system: an archive is there whole or not
at all. Both are blocking.
"""

import errno
import os
from pathlib import Path

from lab.api.incoming import IncomingFile

INCOMING = ".incoming"


def error_type(error: OSError) -> str:
    """Name an operating system's error as the label standard does."""
    return "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "permission_error"


class LegacyStorage:
    """The old path: one flat folder, the file named with student, assignment, kind and task."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, student: str, assignment: str, task_id: str, kind: str) -> Path:
        """Name the file of an archive."""
        return self.root / f"{student}_{assignment}_{kind}_{task_id}.zip"


class NewStorage(LegacyStorage):
    """The new adapter: a folder for each task, so that no two uploads can meet."""

    def place(self, student: str, assignment: str, task_id: str, kind: str) -> Path:
        """Name the file of an archive."""
        return self.root / student / assignment / task_id / f"{kind}.zip"


def keep(file: IncomingFile, place: Path, root: Path) -> None:
    """Move a received file to its place: folders 0750, file 0640, durable.

    Raises:
        PermissionError: the place is not below `root`; a last guard behind the validation of names.
        OSError: the disk's.
    """
    if not place.parent.resolve().is_relative_to(root.resolve()):
        raise PermissionError(errno.EPERM, "outside the storage root")
    missing = [folder for folder in place.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(0o750, exist_ok=True)
    file.path.rename(place)
    descriptor = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(place: Path, root: Path) -> None:
    """Remove an archive whose record could not be written, and the folders that this empties."""
    place.unlink(missing_ok=True)
    for folder in place.parents:
        if folder == root:
            return
        try:
            folder.rmdir()
        except FileNotFoundError:  # the write did not get that far
            continue
        except OSError:  # another upload's
            return
