"""Remove what a run put into the target, and only that.

Every test user, session and archive carries the run's prefix. The prefix is long and random, so what carries it is
ours; nothing else is touched.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acceptance.observe.mongo import database
from acceptance.target.model import Target

#: Collection -> fields that carry a test user's id.
OWNED = {
    "dialog_contexts": ("user_id",),
    "long_tasks": ("user_id", "metadata.student_id"),
    "review_archives": ("student_id",),
    "homework_reviews": ("student_id",),
}


def new_prefix(style: Literal["text", "numeric"] = "text") -> str:
    """Make a run's prefix for test ids: `ops` and 8 hex digits, or 9 and 9 digits where ids must be numeric."""
    return f"9{secrets.randbelow(10**9):09d}" if style == "numeric" else f"ops{secrets.token_hex(4)}"


def trace_prefix(prefix: str) -> str:
    """Give the first half (16 hex digits) of every trace id of a run's requests: log lines with it are ours."""
    return hashlib.sha256(prefix.encode()).hexdigest()[:16]


def new_ids(prefix: str, first: int = 1) -> Callable[[str], str]:
    """Make what makes ids of test users of a run, each another: from a word, or digits alone where the prefix is."""
    numbers = itertools.count(first)
    return lambda word: f"{prefix}{next(numbers)}" if prefix.isdigit() else f"{prefix}-{word}-{next(numbers)}"


@dataclass(frozen=True)
class Purged:
    """How many documents and files were removed."""

    documents: int
    files: int


def purge(target: Target, prefix: str) -> Purged:
    """Remove the documents and archives of the run with this prefix; doing so twice is harmless.

    Raises:
        Inconclusive: MongoDB is out of reach.
        OSError: A file cannot be removed, or a folder not be read; all else was removed.
    """
    if len(prefix) < 10 or not prefix.isalnum():  # guard: what-is-no-prefix-removes-nothing
        raise ValueError(f"expected a run's prefix, found {prefix!r}")
    failures: list[OSError] = []
    files = 0
    for root in {target.storage.root, target.storage.legacy_root, *target.storage.watch_dirs}:
        for path in _carrying(prefix, root, failures):
            try:
                files += _remove(path)
            except OSError as error:  # the documents are to go all the same
                failures.append(error)
    ours = {"$regex": f"^{re.escape(prefix)}"}
    with database(target) as mongo:
        scratch = f"{prefix}_restore"  # of a restore that was killed; asked for first, see acceptance.backup.restoring
        if scratch in mongo.client.list_database_names():
            mongo.client.drop_database(scratch)
        documents = sum(
            mongo[name].delete_many({field: ours}).deleted_count for name, fields in OWNED.items() for field in fields
        )
    if failures:
        raise failures[0]
    return Purged(documents, files)


def _carrying(prefix: str, root: Path, failures: list[OSError]) -> list[Path]:
    """Find what carries the prefix in its name; a folder that cannot be read is a failure, not an empty one."""
    if not root.is_dir():
        return []
    walk = os.walk(root, onerror=failures.append)
    found = [Path(folder, name) for folder, folders, names in walk for name in (*folders, *names) if prefix in name]
    return sorted(found, reverse=True)


def _remove(path: Path) -> int:
    """Remove a file, or a folder with all below it; links are removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        count = sum(_remove(child) for child in path.iterdir())
        path.rmdir()
        return count
    path.unlink(missing_ok=True)
    return 1
