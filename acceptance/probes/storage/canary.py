"""Plant a file that nobody may touch, and digest files that may be gone."""

from __future__ import annotations

from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.effects import Effect, about_to
from acceptance.verdict import Inconclusive


def plant(path: Path, content: bytes) -> None:
    """Write a file that nobody may touch; its folder is made when missing.

    Raises:
        Inconclusive: When the folder cannot be written to.
    """
    about_to(Effect.DATA, f"it plants {path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as problem:
        raise Inconclusive(
            f"{path}: expected to plant a canary, found: {problem.strerror}; name a folder that this user may "
            "write to, outside the storage root"
        ) from problem


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
