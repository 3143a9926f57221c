"""Plant files of known content that nobody may touch, and find out whether somebody did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.effects import Effect, about_to
from acceptance.verdict import Inconclusive


@dataclass(frozen=True)
class Canaries:
    """Planted files and the digest that each must keep."""

    digests: dict[Path, str]

    @classmethod
    def plant(cls, folders: Iterable[Path], name: str, content: bytes) -> Canaries:
        """Write one canary into each folder, which is made when missing.

        Raises:
            Inconclusive: When a folder cannot be written to.
        """
        about_to(Effect.DATA, f"it plants {name}")
        digests: dict[Path, str] = {}
        for folder in folders:
            path = folder / name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except OSError as problem:
                raise Inconclusive(
                    f"{path}: expected to plant a canary, found: {problem.strerror}; name a folder that this user may "
                    "write to, outside the storage root"
                ) from problem
            digests[path] = hashlib.sha256(content).hexdigest()
        return cls(digests)

    def broken(self) -> list[Path]:
        """Return the canaries that are gone or changed."""
        return [path for path, digest in self.digests.items() if digest_of(path) != digest]

    def remove(self) -> None:
        """Take the canaries away, changed or not; the folders stay."""
        for path in self.digests:
            path.unlink(missing_ok=True)


def digest_of(path: Path) -> str | None:
    """Return a file's SHA-256 in hex, `None` when it is no longer there as a file.

    Raises:
        Inconclusive: When it is there and cannot be read.
    """
    try:
        return sha256_of(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as problem:
        raise Inconclusive(f"{path}: expected to read it, found: {problem.strerror}") from problem
