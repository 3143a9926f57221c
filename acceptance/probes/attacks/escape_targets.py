"""List where a hostile path may lead, in all the ways in which a service may read it.

Lexical and read-only: the places are computed, then only looked at. This sees what lies outside every
watched folder, such as `/tmp/x`.
"""

from __future__ import annotations

import html
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from acceptance.probes.archives import hostile
from acceptance.probes.storage.snapshot import Stat

_LAYERS = 3


def places(field: str, payload: bytes, bases: Iterable[Path]) -> set[Path]:
    """Compute where the payload of a case leads.

    Args:
        field: The case's field.
        payload: Its bytes.
        bases: Folders that a service may join it to.
    """
    paths = set(readings(payload))
    if field in hostile.FIELDS and hostile.is_link(field):
        paths = {reading for end in payload.split(hostile.ARROW) for reading in readings(end)}
    if field.endswith("*"):  # charset'language'name
        paths |= {path.rpartition(b"'")[2] for path in paths}
    found = set()
    for base in {os.fsencode(base) for base in bases}:
        found |= {os.path.normpath(os.path.join(base, path)) for path in paths}  # noqa: PTH118  # bytes
    return {Path(os.fsdecode(path)) for path in found}


def look(found: Iterable[Path]) -> dict[Path, Stat]:
    """Stat each place; those at which nothing is, or can be (a name too long, or below a file), are left out."""
    return {path: state for path in found if (state := _stat(path))}


def marked(found: Iterable[Path], mark: str) -> set[Path]:
    """List the places, and the folders that they are in, for names that carry a run's mark."""
    folders = {folder for path in found for folder in (path, path.parent)}
    return {folder / name for folder in folders for name in _names(folder) if mark in name}


def below(folders: Iterable[Path]) -> set[Path]:
    """List all that lies below folders of a run's own making."""
    return {path for folder in folders if not folder.is_symlink() for path in folder.rglob("*")}


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
