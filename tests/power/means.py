"""What breaks a target where no seeded fault does: a part that is stopped, a lock that is held, an empty folder."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

from dependencies.disturbed import ailments
from held_lab import control

from acceptance.backup.retention import name_of
from acceptance.polling import poll
from power.table import Means

Settings = Iterator[dict[str, str]]
WELL_WITHIN_S = 30


def stopped(*parts: str) -> Means:
    """Some of the lab's programs do not run; supervisord's names, in the order in which they start again."""

    @contextmanager
    def keep(lab: Path) -> Settings:
        control(lab, "stop", *reversed(parts))
        try:
            yield {}
        finally:
            control(lab, "start", *parts)
            assert poll(lambda: ailments(lab), lambda found: not found, WELL_WITHIN_S) == []

    return Means(f"stopped:{'+'.join(part.partition(':')[2] for part in parts)}", keep)


@contextmanager
def mongo_locked(lab: Path) -> Iterator[None]:
    """MongoDB answers pings and reads, and keeps nothing: somebody else's lock is on its file."""
    held = sqlite3.connect(lab.parent / "var" / "mongo" / "db" / "butler.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        held.execute("ROLLBACK")
        held.close()


def only_backup(days: int, *files: str) -> Means:
    """The only backup is so many days old and holds these files."""

    @contextmanager
    def keep(lab: Path) -> Settings:
        folder = lab.parent / f"backups-{days}" / name_of(datetime.now(UTC) - timedelta(days=days))
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).touch()
        try:
            yield {"BACKUP_DIR": str(folder.parent)}
        finally:
            rmtree(folder.parent)

    return Means(f"only-backup:{days}-days:{len(files)}-files", keep)
