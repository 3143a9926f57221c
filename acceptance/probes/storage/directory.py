"""Look at the review archives on disk: the folder and its files (21_01c.preflight.1, .monitor.3)."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acceptance import tally
from acceptance.disk import GONE, owner_name, sha256_of
from acceptance.finding import Finding
from acceptance.probes.archives.archives import Archive
from acceptance.target.parts import Storage
from acceptance.verdict import Inconclusive


@dataclass(frozen=True)
class Folder:
    """A folder's owner as `user:group` and its permission bits."""

    path: Path
    owner: str
    mode: int

    def __str__(self) -> str:
        return f"{self.owner} with mode {self.mode:o}"


def look_at(path: Path) -> Folder | None:
    """Describe a folder; None when there is none, or something else is there."""
    tally.count("folder")
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not path.is_dir():
        return None
    return Folder(path, owner_name(found), found.st_mode & 0o7777)


def as_prepared(storage: Storage) -> list[Finding]:
    """Say that the archives' folder has another owner or mode than the target file says."""
    found, wanted = look_at(storage.root), Folder(storage.root, storage.owner, storage.mode)
    if found == wanted:
        return []
    step = "make or correct it, or STORAGE_OWNER and STORAGE_MODE"
    where = f"STORAGE_ROOT {storage.root}"
    return [Finding("folder", where, str(wanted), str(found or "no folder there"), next_step=step)]


def copies_of(archive: Archive, root: Path, without: Collection[Path] = ()) -> list[Path]:
    """Find the files below `root` that are this archive, byte for byte; folders of `without` are left out.

    Raises:
        Inconclusive: `root` cannot be listed, or a file of that size not be read.
    """
    if not os.access(root, os.R_OK | os.X_OK):
        raise Inconclusive(f"{root} cannot be listed by this user; run as the storage's owner or as root")
    same_size = (path for path, size in _files(root, without) if size == archive.size)
    return sorted(path for path in same_size if _digest(path) == archive.sha256)


def _digest(path: Path) -> str:
    """Digest a file; what was moved since it was listed, as a service does with one that it receives, has none.

    Raises:
        Inconclusive: It is there and cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        if error.errno in GONE:
            return ""
        told = f"{path}: expected to read it, found: {error.strerror}"
        raise Inconclusive(f"{told}; run as the storage's owner or as root") from error


def _files(root: Path, without: Collection[Path]) -> Iterator[tuple[Path, int]]:
    """Give the files and their sizes; an archive that was unpacked may hold what no path is long enough for."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in without]
        for name in names:
            path = Path(folder, name)
            with suppress(OSError):
                if stat.S_ISREG((found := path.stat()).st_mode):
                    yield path, found.st_size
