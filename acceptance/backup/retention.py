"""Remove backups older than 7 days, but never the newest (checklist item post.backup.1)."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acceptance.verdict import Inconclusive

NAME = re.compile(r"epic21-pre-deploy-(\d{8})(?:-(\d{6}))?")
"""Name of a backup: the checklist's own, and the time of day where we made it."""
MANIFEST = "manifest.json"
"""What a finished backup of ours holds."""


@dataclass(frozen=True)
class Retention:
    """What a clean-up did, or in a dry run would do.

    Attributes:
        kept: Backups that stay, the oldest first.
        removed: Those that are too old.
        dry_run: Whether nothing was done.
        spared: Of those kept the ones that are too old as well, and the newest there is.
    """

    kept: tuple[Path, ...]
    removed: tuple[Path, ...]
    dry_run: bool
    spared: tuple[Path, ...] = ()

    def explain(self) -> str:
        """Give one line."""
        verb = "would remove" if self.dry_run else "removed"
        return f"{verb} {len(self.removed)}: {_names(self.removed)}; kept {len(self.kept)}: {_names(self.kept)}"


def name_of(now: datetime) -> str:
    """Name a backup made now."""
    return f"epic21-pre-deploy-{now.astimezone(UTC):%Y%m%d-%H%M%S}"


def retention(folder: Path, days: float, now: datetime, dry_run: bool) -> Retention:
    """Remove the backups in `folder` that are older than `days`.

    Only folders of our own names are touched, never a link, never the newest, never the newest that was finished.

    Raises:
        Inconclusive: The folder cannot be listed.
        OSError: A backup cannot be removed.
    """
    dated = _backups(folder)
    by_age = sorted(dated, key=lambda path: dated[path])
    whole = [path for path in by_age if (path / MANIFEST).is_file()]
    newest = {*by_age[-1:], *whole[-1:]}
    too_old = [path for path in by_age if now - dated[path] > timedelta(days=days)]
    old = tuple(path for path in too_old if path not in newest)
    for path in () if dry_run else old:
        shutil.rmtree(path)
    kept = tuple(path for path in by_age if path not in old)
    return Retention(kept, old, dry_run, tuple(path for path in too_old if path in newest))


def _backups(folder: Path) -> dict[Path, datetime]:
    try:
        entries = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError as error:
        raise Inconclusive(f"{folder}: the backups cannot be listed ({error}); check BACKUP_DIR") from error
    dated = {path: _time_of(path.name) for path in entries}
    return {path: at for path, at in dated.items() if at}


def _time_of(name: str) -> datetime | None:
    """Read the time in a backup's name; a bare date is the end of its day. None for any other name."""
    found = NAME.fullmatch(name)
    if not found:
        return None
    try:
        return datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _names(paths: tuple[Path, ...]) -> str:
    return ", ".join(path.name for path in paths) or "none"
