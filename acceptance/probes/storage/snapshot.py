"""Compare the files below folders before and after an act, and tell whose upload a new file is.

A status code is no proof: what was written where decides.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from acceptance.disk import GONE
from acceptance.polling import poll
from acceptance.verdict import Inconclusive

MAX_ENTRIES = 200_000
"""Entries of one snapshot; beyond it a snapshot takes too long to be one moment."""
_EDGE = 64 * 1024  # bytes read at either end of a file in search of a nonce


class Stat(NamedTuple):
    """What tells one state of a file from another: size in bytes, times in ns, inode, type and permissions."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stat:
        """Take over what matters; a folder's size and times follow from what is in it and are left out."""
        if stat.S_ISDIR(found.st_mode):
            return cls(0, 0, 0, found.st_ino, found.st_mode)
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)


@dataclass(frozen=True)
class Changes:
    """Paths (files, folders, links) that differ between two snapshots, each sorted."""

    appeared: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    vanished: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A snapshot of all that lies below some folders, by path; links are listed and never followed."""

    entries: Mapping[str, Stat] = field(repr=False)

    @classmethod
    def of(cls, folders: Iterable[Path], max_entries: int = MAX_ENTRIES) -> Tree:
        """Look at the folders, of which one may lie in another.

        Raises:
            Inconclusive: When a folder cannot be read or holds more than `max_entries`: not seeing is no "nothing".
        """
        entries: dict[str, Stat] = {}
        for path, found in _walk({Path(os.path.realpath(folder)) for folder in folders}):
            entries[path] = found
            if len(entries) > max_entries:
                raise Inconclusive(
                    f"{Path(path).parent}: expected at most {max_entries} entries in the watched folders, found more; "
                    "watch smaller folders (WATCH_DIRS) or purge the storage"
                )
        return cls(entries)

    @classmethod
    def settled(cls, folders: Collection[Path], patience_s: float = 3.0) -> Tree:
        """Read the folders until nothing changed for half a second: a service may write behind its answer.

        Raises:
            Inconclusive: As of `of`.
        """
        looks: list[Tree] = []

        def look() -> Tree:
            looks.append(cls.of(folders))
            return looks[-1]

        return poll(look, lambda seen: looks[-2:-1] == [seen], patience_s, 0.5)


def diff(before: Tree, after: Tree) -> Changes:
    """Say what appeared, changed and vanished between two snapshots of the same folders."""
    then, now = before.entries, after.entries
    changed = (path for path, found in now.items() if then.get(path, found) != found)
    return Changes(
        *(tuple(sorted(map(Path, each))) for each in (now.keys() - then.keys(), changed, then.keys() - now.keys()))
    )


@dataclass(frozen=True)
class Attribution:
    """Whose each new or changed path is: paths by owner, and those of nobody known."""

    of: Mapping[str, list[Path]]
    unattributed: tuple[Path, ...]

    def files(self) -> dict[str, list[Path]]:
        """Give each owner's paths that are no folders."""
        found = {who: [path for path in paths if not path.is_dir()] for who, paths in self.of.items()}
        return {who: paths for who, paths in found.items() if paths}

    def with_parents(self) -> Attribution:
        """Attribute each folder without an owner to the owner of something in it: it was made on the way there."""
        owner = {folder: who for who, paths in self.of.items() for path in paths for folder in path.parents}
        owned = {who: list(paths) for who, paths in self.of.items()}
        for path in self.unattributed:
            if path in owner:
                owned[owner[path]].append(path)
        return Attribution(owned, tuple(path for path in self.unattributed if path not in owner))


def attribute(changes: Changes, nonces: Mapping[bytes, str], names: Mapping[bytes, str] | None = None) -> Attribution:
    """Find the owner of each path that appeared or changed.

    Args:
        changes: What to look at.
        nonces: Owner by a text in a file's first or last 64 KiB.
        names: Owner by a text in the path itself or in a link's target, for empty files, folders and links.

    Raises:
        Inconclusive: When a file cannot be read.
    """
    content, path_text = _Finder(nonces), _Finder(names or {})
    owned: dict[str, list[Path]] = {}
    rest: list[Path] = []
    for path in (*changes.appeared, *changes.changed):
        owner = path_text(os.fsencode(path) + b"\n" + _target(path)) or content(edges(path))
        if owner is None:
            rest.append(path)
        else:
            owned.setdefault(owner, []).append(path)
    return Attribution(owned, tuple(rest))


def edges(path: Path) -> bytes:
    """Read a regular file's first and last 64 KiB; nothing of anything else, of what is gone again or has no path.

    Raises:
        Inconclusive: When the file is there and cannot be read.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
            return b""
        with path.open("rb") as file:
            head = file.read(_EDGE)
            file.seek(max(len(head), found.st_size - _EDGE))
            return head + file.read(_EDGE)
    except OSError as problem:
        if problem.errno in (*GONE, errno.ENAMETOOLONG):
            return b""
        raise _blind(path, problem) from problem


class _Finder:
    """Looks for many texts at once."""

    def __init__(self, owners: Mapping[bytes, str]) -> None:
        self._owners = {text: owner for text, owner in owners.items() if text}
        longest_first = sorted(self._owners, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)) or rb"(?!)")

    def __call__(self, text: bytes) -> str | None:
        match = self._pattern.search(text)
        return self._owners[match.group(0)] if match else None


def _target(path: Path) -> bytes:
    try:
        return os.fsencode(path.readlink())
    except OSError:
        return b""


def outermost(folders: Collection[Path]) -> list[Path]:
    """Give those of some folders, named without links, that lie in no other of them."""
    return [folder for folder in folders if not any(other in folder.parents for other in folders)]


def _walk(tops: set[Path]) -> Iterator[tuple[str, Stat]]:
    named, waiting = set(map(str, tops)), [str(top) for top in outermost(tops)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                children = list(listing)
        except OSError as problem:
            if problem.errno in GONE and folder not in named:
                continue  # removed while we looked: gone is what it is
            raise _blind(folder, problem) from problem
        for child in children:
            try:
                found = child.stat(follow_symlinks=False)
            except OSError as problem:
                if problem.errno in GONE:
                    continue
                if problem.errno != errno.ENAMETOOLONG:
                    raise _blind(folder, problem) from problem
                yield child.path, Stat(0, 0, 0, child.inode(), 0)  # it is there, and no path leads to it
                continue
            yield child.path, Stat.of(found)
            if stat.S_ISDIR(found.st_mode):
                waiting.append(child.path)


def _blind(path: Path | str, problem: OSError) -> Inconclusive:
    user = os.geteuid()
    return Inconclusive(
        f"{path}: expected to read it, found: {problem.strerror} (as user id {user}); run as a member of the group "
        "that owns the storage, or correct STORAGE_ROOT and WATCH_DIRS in the target file"
    )
