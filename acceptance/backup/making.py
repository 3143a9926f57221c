"""Make the backups before a deployment: the database and the configuration, in one folder of the day.

A backup that cannot be restored is none: `acceptance.backup.restoring` proves that this one can.
Source: checklist items pre.technical.3, post.backup.1.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pymongo

from acceptance.backup.bsondump import BackupFailed, Content, dump
from acceptance.backup.mongodump import mongodump
from acceptance.backup.privatefile import copy_private, private_file
from acceptance.backup.retention import MANIFEST, Retention, name_of, retention
from acceptance.observe.mongo import as_it_is
from acceptance.target.model import Target

__all__ = ["Backup", "BackupFailed", "Retention", "back_up", "load", "retention"]


Tool = Literal["mongodump", "pymongo"]


@dataclass(frozen=True)
class Backup:
    """A finished backup.

    Attributes:
        folder: Where it is.
        tool: What wrote the database's files.
        database: Name of the database, and of the folder below.
        collections: What was read from the server; for mongodump, what its files held right after.
        files: SHA-256 of the copied configuration files, by name.
    """

    folder: Path
    tool: Tool
    database: str
    collections: Mapping[str, Content]
    files: Mapping[str, str]

    @property
    def documents(self) -> Path:
        """The folder with the database's files."""
        return self.folder / self.database


def back_up(target: Target, now: datetime | None = None) -> Backup:
    """Dump the database, with mongodump where it is on PATH, and copy the configuration, into a folder of today.

    The folder gets its name only when all is written: what has another name is no backup.

    Raises:
        BackupFailed: Something cannot be read or written; nothing half-done is left.
        Inconclusive: MongoDB is out of reach.
    """
    now = now or datetime.now(UTC)
    folder = target.backup_dir / name_of(now)
    try:
        with _unfinished(folder) as partial:
            tool, collections = _dump(target, partial)
            backup = Backup(folder, tool, target.mongo.database, collections, _snapshots(target, partial, now))
            with private_file(partial / MANIFEST) as stream:
                stream.write(json.dumps(asdict(backup), indent=1, default=str).encode() + b"\n")
            partial.rename(folder)
    except OSError as error:
        raise BackupFailed(
            f"{folder}: the backup cannot be written: {error}; make BACKUP_DIR a folder with room that this user may "
            "write to, and see that the files to copy are there"
        ) from error
    return backup


def load(folder: Path) -> Backup:
    """Read a finished backup's manifest.

    Raises:
        BackupFailed: There is none, or it is damaged.
    """
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        collections = {name: Content(**found) for name, found in raw["collections"].items()}
        return Backup(folder, raw["tool"], raw["database"], collections, raw["files"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed(
            f"{folder / MANIFEST}: expected the manifest of a backup, found {error!r}; make the backup again"
        ) from error


def _dump(target: Target, partial: Path) -> tuple[Tool, dict[str, Content]]:
    with as_it_is(target) as mongo:
        with pymongo.timeout(target.http_timeout_s):  # a server that is frozen takes no part in a time-out of its own
            mongo.client.admin.command("ping")
        tool: Tool = "mongodump" if shutil.which("mongodump") else "pymongo"
        found = mongodump(target, mongo, partial) if tool == "mongodump" else dump(mongo, partial)
    if not found:
        raise BackupFailed(
            f"expected collections in database {target.mongo.database}, found none; check MONGODB_DATABASE"
        )
    return tool, found


def _snapshots(target: Target, folder: Path, now: datetime) -> dict[str, str]:
    """Copy the env file and Prometheus' configuration under the checklist's names."""
    sources = (target.env_file, target.prometheus_config)
    stamp = f"{now.astimezone(UTC):%Y%m%d}"
    return {(name := f"{path.name}.backup.{stamp}"): copy_private(path, folder / name) for path in sources}


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Give a new folder to write in, and remove it at the end unless it was renamed."""
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(mode=0o700, parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
