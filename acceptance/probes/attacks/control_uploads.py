"""Send good uploads before the attacks, and after them: without them a refusal proves nothing.

A service that refuses everything, or a wrong address, would pass every attack, and so would what turns an attacker away
from the first one on; and only what was seen to arrive on disk are noticed when they are overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from acceptance.probes.archives.archives import good, new_nonce
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.canary import digest_of
from acceptance.probes.storage.snapshot import Tree, attribute, diff
from acceptance.probes.storage.uploads import Upload, Uploader, file_part
from acceptance.verdict import Inconclusive


@dataclass(frozen=True, slots=True)
class StorageRoots:
    """Where the service may write, and where it may not.

    Attributes:
        root: The storage root of the path under test.
        watch_dirs: Folders around it in which nobody else writes during the run.
        writers: Patterns of files there that the service writes by itself.
        canary_dir: A folder outside the root for canaries; made when missing.
    """

    root: Path
    watch_dirs: tuple[Path, ...]
    canary_dir: Path
    writers: tuple[Path, ...] = ()

    def resolved(self) -> StorageRoots:
        """Return the same folders without links on their way, as snapshots name them."""
        return StorageRoots(
            self.root.resolve(),
            tuple(folder.resolve() for folder in self.watch_dirs),
            self.canary_dir.resolve(),
            tuple(pattern.parent.resolve() / pattern.name for pattern in self.writers),
        )

    def holds(self, path: Path) -> bool:
        """Tell whether a path lies in the storage root."""
        return path == self.root or self.root in path.parents

    def is_own(self, path: Path) -> bool:
        """Tell whether the service is known to write this file by itself."""
        return any(path.parent == each.parent and fnmatchcase(path.name, each.name) for each in self.writers)


@dataclass(frozen=True, slots=True)
class Students:
    """Two test students: the one in whose name the attacks are made, and the one who must not notice."""

    attacker: str
    victim: str


@dataclass(frozen=True)
class Controls:
    """Good uploads, accepted and found on disk.

    Attributes:
        nonces: Whose each nonce is.
        files: The files that they became.
        victim: The other student's files and the digest of each.
        victim_assignment: The other student's assignment.
    """

    nonces: Mapping[bytes, str] = field(repr=False)
    files: tuple[Path, ...]
    victim: Mapping[Path, str]
    victim_assignment: str

    def broken(self) -> frozenset[Path]:
        """Return the other student's files that are gone or changed."""
        return frozenset(path for path, digest in self.victim.items() if digest_of(path) != digest)


def upload_controls(uploader: Uploader, roots: StorageRoots, students: Students, run_prefix: str) -> Controls:
    """Upload three files for each student, as the attacks will, and find them in the storage root.

    Raises:
        Inconclusive: When an upload is not accepted, or the other student's file is not found.
    """
    before = Tree.of([roots.root])
    uploads = {
        students.attacker: _upload(students.attacker, f"{run_prefix}-good"),
        students.victim: _upload(students.victim, f"{run_prefix}-victim"),
    }
    *_, last = [_accepted(uploader, upload) for upload in uploads.values()]
    nonces = {upload.archive.nonce: student for student, upload in uploads.items()}
    found = attribute(diff(before, Tree.of([roots.root])), nonces)
    victim = {path: digest for path in found.of.get(students.victim, ()) if (digest := digest_of(path))}
    if not victim:
        raise Inconclusive(
            f"{roots.root}: expected the accepted upload of {students.victim!r} to appear below it, found "
            f"{len(found.unattributed)} other new files; check that STORAGE_ROOT is the folder that the service writes "
            f"to with the flag as it is. {last.explain()}"
        )
    files = tuple(path for paths in found.of.values() for path in paths)
    return Controls(nonces, files, victim, f"{run_prefix}-victim")


def again(student: str, run_prefix: str) -> Upload:
    """Make the good upload that is sent after the attacks by the student in whose name they were made."""
    return _upload(student, f"{run_prefix}-again")


def _upload(student: str, assignment: str) -> Upload:
    archive = good(new_nonce())
    extra = tuple(file_part(name, archive, f"{name.decode()}.zip") for name in (b"old_zip", b"logs_zip"))
    return Upload(student, assignment, archive, filename=f"{assignment}.zip", extra=extra)


def _accepted(uploader: Uploader, upload: Upload) -> Exchange:
    exchange = uploader.send(upload)
    if not exchange.accepted:
        raise Inconclusive(
            f"expected a good upload for {upload.student_id!r} to be accepted before the attacks, else a refusal of "
            f"these proves nothing; check API_URL and the test students. {exchange.explain()}"
        )
    return exchange
