"""The damage that the seeded traversal faults do, kept inside the lab's folder.

A path that would leave the lab's HOME is bent to `HOME/outside/`: still outside the storage root, and watched, but
never the machine's own files.
"""

import asyncio
import contextlib
import os
import re
import shutil
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lab.api.incoming import IncomingFile
from lab.api.upload import Upload

LATER_S = 4.0
PREPARED = 0o750
"""Mode of the archives' folder (contract, "Storage")."""
_HELD = 1 << 20
_LOCAL = re.compile(rb"PK\x03\x04.{14}(.{4}).{4}(..)..", re.DOTALL)
"""The header before a zip's member: its packed size, and the length of its name."""


def within_home(home: Path, path: str) -> Path:
    """Resolve `path` as a careless service would, and bend it back if it leaves the lab, also by a link."""
    plain = Path(os.path.normpath(path.partition("\0")[0]))
    real = Path(os.path.realpath(plain))
    if plain.is_relative_to(home) and real.is_relative_to(os.path.realpath(home)):
        return plain
    return home / "outside" / plain.relative_to("/")


def place(home: Path, root: Path, *parts: str) -> Path:
    """Join untrusted parts to the root without a guard; an absolute one replaces what is before it."""
    return within_home(home, os.path.join(root, *parts))  # noqa: PTH118 - the careless join is the fault


def keep(file: IncomingFile, target: Path) -> None:
    """Move the file to wherever the place is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file.path, target)


@contextlib.contextmanager
def opened(root: Path, wide: bool) -> Iterator[None]:
    """Let everybody into the archives' folder for a while, if `wide`: uploads at once each find it open."""
    if wide:
        root.chmod(0o777)
    try:
        yield
    finally:
        if wide:
            root.chmod(PREPARED)


def keep_later(root: Path, student: str) -> None:
    """Keep a file of a student half a second from now, when the answer is given."""
    if re.fullmatch(r"[\w-]+", student):
        asyncio.get_running_loop().call_later(0.5, (root / f"{student}.zip").touch)


class Quarantine:
    """What was refused, until a good upload comes so late that nobody looks any more."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._latest = 0.0

    def take(self, upload: Upload) -> None:
        """Hold what was received of the files."""
        self._latest = time.monotonic()
        for file in upload.files.values():
            with file.path.open("rb") as received:
                self._held.append(received.read(_HELD) + bytes(file.buffer))

    def put(self, home: Path) -> None:
        """Write all that is held, if nothing was refused for a while."""
        if time.monotonic() > self._latest + LATER_S:
            for number, content in enumerate(self._held):
                (home / "outside" / f"held-{number}").write_bytes(content)
            self._held.clear()


def scribble(home: Path) -> None:
    """Add a line to a file that no upload accounts for."""
    with (home / "outside" / "uploads.txt").open("a") as notes:
        notes.write("an upload\n")


def put_away(root: Path, away: bool) -> None:
    """Take the new path's archives from their places, or bring those back that are away."""
    for place in root.glob("[!.]*/*/*/*.zip" if away else "*/*/*/*.away"):
        place.rename(place.with_suffix(".away" if away else ".zip"))


def unpack(archive: Path, home: Path) -> None:
    """Unpack an archive beside itself, believing its member names (zip-slip)."""
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            with contextlib.suppress(OSError, ValueError):
                _unpack(source, info, home, archive.parent)


def unpack_otherwise(archive: Path, home: Path) -> None:
    """Unpack an archive as other readers do, into one folder for all of an assignment; a bad member stops nothing."""
    folder, data = archive.parent.parent, archive.read_bytes()
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            with contextlib.suppress(OSError, ValueError, RuntimeError, zipfile.BadZipFile):
                _unpack(source, info, home, folder)
    for found in _LOCAL.finditer(data):
        end = found.end() + int.from_bytes(found[2], "little")
        name = data[found.end() : end].decode("utf-8", "replace")
        with contextlib.suppress(OSError, ValueError):
            _write(place(home, folder, name), data[end : end + int.from_bytes(found[1], "little")])
    with contextlib.suppress(tarfile.TarError), tarfile.open(archive) as tar:
        for member in tar:
            with contextlib.suppress(OSError, ValueError):
                _unpack_tar(tar, member, home, folder)


def _unpack_tar(source: tarfile.TarFile, member: tarfile.TarInfo, home: Path, folder: Path) -> None:
    target = place(home, folder, member.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        target.symlink_to(place(home, target.parent, member.linkname))
    elif member.islnk():
        os.link(place(home, folder, member.linkname), target, follow_symlinks=False)
    elif content := source.extractfile(member):
        _write(target, content.read())


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _unpack(source: zipfile.ZipFile, info: zipfile.ZipInfo, home: Path, folder: Path) -> None:
    target = place(home, folder, info.orig_filename)
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(info.external_attr >> 16):
        aim = place(home, target.parent, source.read(info).decode("utf-8", "replace"))
        aim.mkdir(parents=True, exist_ok=True)
        target.symlink_to(aim)
    elif not info.is_dir():
        target.write_bytes(source.read(info))
