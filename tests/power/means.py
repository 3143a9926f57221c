"""What breaks a target where no seeded fault does: a part that is stopped, a lock that is held, an empty folder."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree

import httpx
from dependencies.disturbed import ailments
from held_lab import control

from acceptance.backup.making import back_up
from acceptance.backup.retention import name_of
from acceptance.polling import poll
from acceptance.target.loading import load_target
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
    held = sqlite3.connect(
        lab.parent / "var" / "mongo" / "db" / f"{load_target(lab).mongo.database}.db", isolation_level=None
    )
    held.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        held.execute("ROLLBACK")
        held.close()


def configured(what: str, old: str, new: str) -> Means:
    """Prometheus runs with a part of its configuration, a regular expression, replaced."""

    @contextmanager
    def keep(lab: Path) -> Settings:
        target = load_target(lab)
        before = target.prometheus_config.read_text()
        changed, number = re.subn(old, new, before)
        assert number == 1, before
        try:
            target.prometheus_config.write_text(changed)
            httpx.post(f"{target.prometheus_url}/-/reload").raise_for_status()
            yield {}
        finally:
            target.prometheus_config.write_text(before)
            httpx.post(f"{target.prometheus_url}/-/reload").raise_for_status()

    return Means(f"configured:{what}", keep)


@contextmanager
def _silenced(lab: Path, *, planned: bool = False) -> Settings:
    target, now = load_target(lab), datetime.now(UTC)
    silences, begin = f"{target.alertmanager_url}/api/v2/silence", target.window.next(now).start if planned else now
    every = {"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}
    times = {"startsAt": begin.isoformat(), "endsAt": (begin + timedelta(days=1)).isoformat()}
    asked = {"matchers": [every], "createdBy": "somebody", "comment": "maintenance", **times}
    made = httpx.post(f"{silences}s", json=asked).raise_for_status().json()["silenceID"]
    try:
        yield {}
    finally:
        httpx.delete(f"{silences}/{made}").raise_for_status()


SILENCED = Means("silenced", _silenced)
"""Alertmanager lets no alert through until tomorrow."""
SILENCED_LATER = Means("silenced-in-the-window", partial(_silenced, planned=True))
"""Alertmanager will let no alert through from the begin of the next window on."""


@contextmanager
def _cut_backup(lab: Path) -> Settings:
    made = back_up(replace(load_target(lab), backup_dir=lab.parent / "backups-cut"))
    largest = max(made.documents.iterdir(), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-10])
    try:
        yield {"BACKUP_DIR": str(made.folder.parent)}
    finally:
        rmtree(made.folder.parent)


CUT_BACKUP = Means("backup-cut", _cut_backup)
"""The only backup was whole when it was made, and has lost its last bytes since."""


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
