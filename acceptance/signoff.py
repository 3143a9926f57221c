"""Sign-offs: what only a person can confirm, with name, time and note; and waivers, which expire.

Read from a TOML file::

    [[signoff]]
    item = "21_01c.deploy.1"
    name = "R. Rivera"
    at = 2026-11-28T02:05:00Z
    note = "PR 812 merged"

    [[waiver]]
    item = "pre.technical.7"
    reason = "scanner down, advisory list read by hand"
    approver = "T. Lead"
    expires = 2026-12-01
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from acceptance.verdict import Refused


@dataclass(frozen=True)
class SignOff:
    """One confirmation; ``at`` is aware."""

    item: str
    name: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Waiver:
    """A check left out on somebody's word, until a date."""

    item: str
    reason: str
    approver: str
    expires: date


@dataclass(frozen=True)
class SignOffs:
    """What a sign-off file holds, by item."""

    given: Mapping[str, SignOff]
    waivers: Mapping[str, Waiver]

    def waiver(self, item: str, today: date | None = None) -> Waiver | None:
        """Give the item's waiver while it lasts."""
        found = self.waivers.get(item)
        return found if found and found.expires >= (today or datetime.now(UTC).date()) else None


def load_sign_offs(path: Path | None, operator: str) -> SignOffs:
    """Read a sign-off file; no file is no sign-offs.

    Args:
        path: The file.
        operator: Who runs the suite; a waiver needs somebody else.

    Raises:
        Refused: The file is missing, not TOML, or an entry is incomplete; the message names the entry.
    """
    if path is None:
        return SignOffs({}, {})
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        given = [SignOff(**entry) for entry in raw.get("signoff", [])]
        waivers = [Waiver(**entry) for entry in raw.get("waiver", [])]
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise Refused(f"{path}: expected [[signoff]] and [[waiver]] entries, found: {error}") from error
    faults = [fault for entry in (*given, *waivers) if (fault := _fault(entry, operator))]
    if faults:
        raise Refused(f"{path}: " + "; ".join(faults))
    return SignOffs({entry.item: entry for entry in given}, {entry.item: entry for entry in waivers})


def _fault(entry: Any, operator: str) -> str:
    if isinstance(entry, SignOff):
        if not entry.name.strip():
            return f"{entry.item}: a sign-off needs a name"
        if not isinstance(entry.at, datetime) or entry.at.tzinfo is None:
            return f"{entry.item}: expected at = a time with its zone, found {entry.at!r}"
        return ""
    if not entry.reason.strip() or not entry.approver.strip():
        return f"{entry.item}: a waiver needs a reason and an approver"
    return f"{entry.item}: {operator} cannot approve a waiver of the own run" if entry.approver == operator else ""
