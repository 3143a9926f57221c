"""Read a stage's stored archives again until its end: an archive may be lost later."""

from __future__ import annotations

from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.finding import Finding, Severity
from acceptance.polling import poll
from acceptance.probes.archives.archives import Archive
from acceptance.probes.storage.directory import copies_of
from acceptance.verdict import Inconclusive

_PATIENCE_S = 2.0
"""How long after its answer an archive may show, on storage over a network."""


class KeptArchives:
    """The archives that were accepted below some folder, each with the file that holds it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[Path, Archive] = {}
        self._read = 0

    def keep(self, archive: Archive, root: Path | None = None) -> list[Finding]:
        """Find the file of an archive that was just accepted, and remember it.

        Args:
            archive: The archive.
            root: Where to look instead, such as the old path's folder.

        Raises:
            Inconclusive: The folder cannot be listed.
        """
        below = root or self._root
        copies = poll(lambda: copies_of(archive, below), bool, _PATIENCE_S)
        self._files.update(dict.fromkeys(copies[:1], archive))
        where = f"a file below {below}, byte for byte"
        return [] if copies else [_finding("not stored", archive.description, where, "none, though it was accepted")]

    def lost(self) -> list[Finding]:
        """Read all of them again; find those that are gone or changed.

        Raises:
            Inconclusive: There is none to read.
        """
        if not self._files:
            raise Inconclusive(f"expected archives that this stage stored below {self._root}, found none to read again")
        return [each for path in self._files for each in self._wrong(path)]

    def lost_next(self) -> list[Finding]:
        """Read one of them again, each in its turn."""
        files = list(self._files)
        self._read += 1
        return self._wrong(files[self._read % len(files)]) if files else []

    def _wrong(self, path: Path) -> list[Finding]:
        archive = self._files[path]
        try:
            found = sha256_of(path)
        except OSError as error:
            return [_finding("archive lost", str(path), "the archive that was stored there", str(error))]
        if found == archive.sha256:
            return []
        return [_finding("archive changed", str(path), f"SHA-256 {archive.sha256}", found)]


def _finding(kind: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(kind, subject, expected, found, Severity.CRITICAL)
