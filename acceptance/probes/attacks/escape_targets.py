"""List where a hostile path may lead, in all the ways in which a service may read it.

Lexical and read-only: the places are computed, then only looked at. This sees what lies outside every
watched folder, such as `/tmp/x`.
"""

from __future__ import annotations

import html
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from acceptance.probes.archives import hostile
from acceptance.probes.archives.archives import NONCE_PREFIX
from acceptance.probes.storage.snapshot import Stat, Tree

_LAYERS = 3
_NAMES = re.compile(rb"""(?i)filename[*0-9]*=(?:[\w-]*'\w*')?(?:"([^"]*)"|([^;\r\n]*))""")
_HEAD = 4096
_SKEW_S = 600.0
"""How far behind ours the clock of a file server may be, or may have been set, for what is written to count as new."""


def places(field: str, payload: bytes, bases: Iterable[Path]) -> set[Path]:
    """Compute where the payload of a case leads.

    Args:
        field: The case's field.
        payload: Its bytes.
        bases: Folders that a service may join it to.
    """
    paths = {reading for text in _texts(field, payload) for reading in readings(text)}
    if field.endswith("*"):  # charset'language'name
        paths |= {path.rpartition(b"'")[2] for path in paths}
    found = set()
    for base in {os.fsencode(base) for base in bases}:
        found |= {os.path.normpath(os.path.join(base, path)) for path in paths}  # noqa: PTH118  # bytes
    return {Path(os.fsdecode(path)) for path in found}


def look(found: Iterable[Path]) -> dict[Path, Stat]:
    """Stat each place; a place at which nothing is, or can be (a name too long, or below a file), is left out."""
    return {path: state for path in found if (state := _stat(path))}


def marked(found: Iterable[Path], mark: str) -> set[Path]:
    """List the places, and the folders that they are in, for names that carry a run's mark."""
    folders = {folder for path in found for folder in (path, path.parent)}
    return {folder / name for folder in folders for name in _names(folder) if mark in name}


def of_attack(path: Path, prefix: str) -> bool:
    """Tell whether an attack of the run with this prefix made a path: by the tag in its name, or by the nonce in it."""
    return bool(re.search(rf"{prefix}-c\d{{4}}", path.name)) or NONCE_PREFIX + prefix.encode() in _head(path)


def below(folders: Iterable[Path]) -> set[Path]:
    """List all that lies below folders of a run's own making."""
    walks = (os.walk(folder) for folder in folders if not folder.is_symlink())
    return {Path(at, name) for walk in walks for at, inner, files in walk for name in (*inner, *files)}


def free(found: Iterable[Path], roots: Iterable[Path]) -> list[Path]:
    """List the places outside some folders at which nothing is yet, with the folders that would be made for them."""
    watched = {Path(os.path.realpath(root)) for root in roots}
    wanted = sorted({each for path in found for each in (path, *path.parents)})
    for path in wanted:  # a folder comes before what lies in it
        if path.parent in watched:
            watched.add(path)
    return [path for path in wanted if path not in watched and _stat(path) is None]


@dataclass(frozen=True)
class Escapes:
    """What must be looked at after a crash, besides what carries a run's prefix in its name below the storage.

    Attributes:
        places: Where attacks could lead outside the folders that are searched, and nothing was.
        since: Unix seconds before the first attack: what is older is not read.
    """

    places: tuple[Path, ...]
    since: float

    def left(self, roots: Iterable[Path], prefix: str) -> list[Path]:
        """List what is there of the run with this prefix, and folders made for it, the deepest first.

        A file is ours by its name, or by the nonce with which an archive of ours begins.

        Args:
            roots: Folders to search as well.
            prefix: The run's.

        Raises:
            Inconclusive: A folder cannot be read.
        """
        at, since = look(self.places), self.since - _SKEW_S
        written = {Path(path) for path, state in Tree.of(roots).entries.items() if state.ctime_ns >= since * 1e9}
        ours = {path for path in {*at, *written} if of_attack(path, prefix)}
        folders = {path for path in at if path.is_dir() and not path.is_symlink()}
        found = {*marked(self.places, prefix), *ours, *folders}
        return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _texts(field: str, payload: bytes) -> list[bytes]:
    """Give what of a payload may be read as a path."""
    if field in hostile.FIELDS:
        return hostile.ends_of(field, payload)
    if field.startswith("form."):
        return list(set(payload.splitlines()))
    if not field.endswith(".head"):
        return [payload]
    names = [quoted or bare for quoted, bare in _NAMES.findall(payload)]
    return [*names, b"".join(names)]


def _head(path: Path) -> bytes:
    """Read the beginning of a regular file; nothing of anything else, or of what cannot be read."""
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                return file.read(_HEAD)
    return b""


def _stat(path: Path) -> Stat | None:
    try:
        return Stat.of(path.lstat())
    except (OSError, ValueError):
        return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names, without a Path for each
    except (OSError, ValueError):
        return []


def readings(payload: bytes) -> Iterator[bytes]:
    """Give what the payload is after each further decoding, with and without the usual tidying."""
    for _ in range(_LAYERS):
        for text in (payload, payload.replace(b"\\", b"/"), payload.replace(b"../", b""), payload.strip()):
            yield text.partition(b"\0")[0]
            yield text.replace(b"\0", b"")
        for prefix in (b"file://localhost", b"file://"):
            if payload.startswith(prefix):
                yield payload.removeprefix(prefix)
        decoded = _decoded(payload)
        if decoded == payload:
            return
        payload = decoded


def _decoded(payload: bytes) -> bytes:
    overlong = unquote_to_bytes(payload).replace(b"\xc0\xae", b".").replace(b"\xc0\xaf", b"/")
    text = html.unescape(overlong.decode("utf-8", "surrogateescape"))
    return unicodedata.normalize("NFKC", text).encode("utf-8", "surrogateescape")
