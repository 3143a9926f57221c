"""Remove what a run put into the target, and only that.

Every test user, session and archive carries the run's prefix. The prefix is long and random, so what carries it is
ours; nothing else is touched.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acceptance.observe.collections import OWNED, digits_of, of_prefix, owned_by
from acceptance.observe.mongo import database
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.attacks.escape_targets import Escapes, of_attack
from acceptance.probes.http.under_way import Noted, Requests
from acceptance.probes.storage.snapshot import outermost
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

CALM_S = 0.5
"""Seconds without anything new of ours: what a request sets going ends a moment after its answer."""
MOST_PASSES = 40
RUNNING_S = 45.0
"""Seconds that a review of ours which runs is given to end; the SLO of one is 30 s."""


ID_DIGITS = 5
"""Digits of the number that ends an id of ours."""


def new_prefix(style: Literal["text", "numeric"] = "text") -> str:
    """Make a run's prefix for test ids: `ops` and 8 hex digits, or 9 and 9 digits where ids must be numeric."""
    return f"9{secrets.randbelow(10**9):09d}" if style == "numeric" else f"ops{secrets.token_hex(4)}"


def trace_prefix(prefix: str) -> str:
    """Give the first half (16 hex digits) of every trace id of a run's requests: log lines with it are ours."""
    return hashlib.sha256(prefix.encode()).hexdigest()[:16]


def new_ids(prefix: str, first: int = 1) -> Callable[[str], str]:
    """Return a function that makes a new test user's id from a word, or of digits alone for a numeric prefix.

    No id begins another one, which would be taken for it where a text is searched. One of digits alone has 15 of them:
    a service that reads it as a floating-point number, as JavaScript does, keeps all of those.
    """
    numbers = (f"{number:0{ID_DIGITS}d}" for number in itertools.count(first))
    return lambda word: f"{prefix}{next(numbers)}" if prefix.isdigit() else f"{prefix}-{word}-{next(numbers)}"


@dataclass(frozen=True)
class Purged:
    """How many documents and files were removed, and which of them attacks had left outside the storage."""

    documents: int
    files: int
    outside: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Say it in words."""
        named = f", of which attacks left outside the storage: {', '.join(map(str, self.outside))}"
        return f"removed {self.documents} documents and {self.files} files{named if self.outside else ''}"


def purge(target: Target, prefix: str, escapes: Escapes | None = None) -> Purged:
    """Remove the documents and archives of the run with this prefix until no more appear; twice is harmless.

    A request whose sender was killed is waited for until its time-out is over: what it makes need not come at once, nor
    together. Whether anything came later still, the next purge finds out; so the request is named.

    Args:
        target: Where.
        prefix: The run's.
        escapes: Where its attacks could leave something that has another name, or lies elsewhere.

    Raises:
        Inconclusive: MongoDB is out of reach.
        OSError: Something cannot be removed, a folder not be read, a task of ours still runs, or what a request of ours
            made is not known; the message names it. All else was removed.
    """
    if len(prefix) < 10 or not prefix.isalnum():  # guard: what-is-no-prefix-removes-nothing
        raise ValueError(f"expected a run's prefix, found {prefix!r}")
    requests = Requests(target.journal_dir, trace_prefix(prefix))
    passes, unknown = [], []
    if under_way := requests.under_way():
        passes.append(_pass(target, prefix, escapes))
        unknown = requests.await_ends(under_way)  # guard: requests-under-way-are-waited-for
    passes.append(_pass(target, prefix, escapes))
    for _ in range(MOST_PASSES):
        if not (passes[-1].documents or passes[-1].files):
            break
        time.sleep(CALM_S)
        passes.append(_pass(target, prefix, escapes))  # guard: what-comes-late-is-removed-too
    if unknown:
        raise OSError(_not_known(unknown))
    requests.forget()
    outside = dict.fromkeys(path for each in passes for path in each.outside)
    return Purged(sum(each.documents for each in passes), sum(each.files for each in passes), tuple(outside))


def _not_known(unknown: Sequence[Noted]) -> str:
    told = "; ".join(each.what for each in unknown[:3]) + ("; ..." if len(unknown) > 3 else "")
    return (
        f"expected an answer to every request of ours, found {len(unknown)} broken off and no answer within "
        f"the time-out ({told}); what came until then is removed, what comes later is not"
    )


def _pass(target: Target, prefix: str, escapes: Escapes | None) -> Purged:
    failures: list[OSError] = []
    with suppress(Inconclusive), database(target) as mongo:  # one that is away is told below
        failures += _end_tasks(mongo, prefix)
    files, outside = _remove_files(target, prefix, escapes, failures)
    with database(target) as mongo:
        scratch = f"{prefix}_restore"  # of a restore that was killed; asked for first, see acceptance.backup.restoring
        if scratch in mongo.client.list_database_names():
            mongo.client.drop_database(scratch)
        documents = sum(
            mongo[name].delete_many(of_prefix(field, prefix)) for name, fields in OWNED.items() for field in fields
        )
    if failures:
        raise failures[0] if len(failures) == 1 else OSError("; ".join(map(str, failures)))
    return Purged(documents, files, outside)


def _end_tasks(mongo: Store, prefix: str) -> list[OSError]:
    """Delete our queued tasks and wait for those that run: each writes a review when it ends."""
    ours = owned_by("long_tasks", prefix)
    mongo["long_tasks"].delete_many(ours | {"status": "queued"})  # guard: queued-tasks-go-before-their-archives

    def running() -> int:
        return mongo["long_tasks"].count_documents(ours | {"status": "running"})

    poll(running, lambda count: not count, RUNNING_S)  # guard: running-tasks-are-waited-for
    left = running()
    still = f"{left} review tasks still run after {RUNNING_S:g} s, and may yet write reviews"
    return [OSError(still)] if left else []


def _remove_files(
    target: Target, prefix: str, escapes: Escapes | None, failures: list[OSError]
) -> tuple[int, tuple[Path, ...]]:
    """Remove the files; gives how many, and what attacks made outside the storage."""
    named = (target.storage.root, target.storage.legacy_root, *target.storage.watch_dirs)
    roots = outermost({Path(os.path.realpath(folder)) for folder in named})  # so that nothing is counted twice
    prefixes = {prefix, digits_of(prefix)}
    found = [path for root in roots for path in _carrying(prefixes, root, failures)]
    try:
        found += escapes.left([root for root in roots if root.is_dir()], prefix) if escapes else []
    except Inconclusive as error:  # a folder that cannot be read is not an empty one
        failures.append(OSError(str(error)))
    storage = [Path(os.path.realpath(root)) for root in (target.storage.root, target.storage.legacy_root)]
    beside = [path for path in dict.fromkeys(found) if not any(root in path.parents for root in storage)]
    count, outside = 0, tuple(path for path in beside if of_attack(path, prefix))
    for path in dict.fromkeys(found):  # one may be found in both ways
        try:
            ours = any(each in path.name for each in prefixes)
            count += _remove(path) if ours or not path.is_dir() else _remove_empty(path)
        except OSError as error:  # the rest is to go all the same
            failures.append(error)
    return count, outside


def _carrying(prefixes: Iterable[str], root: Path, failures: list[OSError]) -> list[Path]:
    """Find what carries a prefix in its name; a folder that cannot be read is a failure, not an empty one."""
    if not root.is_dir():
        return []
    walk = os.walk(root, onerror=failures.append)
    found = (Path(folder, name) for folder, folders, names in walk for name in (*folders, *names))
    return sorted((path for path in found if any(each in path.name for each in prefixes)), reverse=True)


def _remove(path: Path) -> int:
    """Remove a file, or a folder with all below it; links are removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        count = sum(len(files) for _, _, files in os.walk(path))
        shutil.rmtree(path)  # by descriptors: an archive may hold what no path is long enough for
        return count
    path.unlink(missing_ok=True)
    return 1


def _remove_empty(folder: Path) -> int:
    """Remove a folder that was made for an attack, unless something else is in it by now."""
    with suppress(OSError):
        folder.rmdir()
    return 0
