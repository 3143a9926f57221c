"""Hold sign-offs and waivers: what only a person can confirm or set aside, and who may."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from acceptance.checklist import accepts
from acceptance.people import is_name, same_person, who

Ask = Callable[[str], str | None]
"""Puts a question to a person; None when nobody answers any more (end of input, deadline)."""


@dataclass(frozen=True)
class SignOff:
    """One confirmation; `at` is aware."""

    item: str
    name: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Waiver:
    """A check left out on somebody's word, until and including a date (UTC)."""

    item: str
    reason: str
    approver: str
    expires: date


@dataclass(frozen=True)
class SignOffs:
    """What a sign-off file holds, by item; `file` names it and its owner."""

    given: Mapping[str, SignOff]
    waivers: Mapping[str, Waiver]
    file: str = ""

    def by(self, given: SignOff) -> str:
        """Name the login that entered a sign-off; for one from a file, the file and its owner."""
        login = who(os.environ)
        return f"{self.file}, read by {login}" if self.given.get(given.item) is given else login

    def waiver(self, item_id: str, today: date | None = None) -> Waiver | None:
        """Give the item's waiver while it lasts; an expired one is none."""
        found = self.waivers.get(item_id)
        return found if found and found.expires >= (today or datetime.now(UTC).date()) else None

    def expired(self, item_id: str, today: date | None = None) -> str:
        """Say that the item's waiver has expired; empty where there is no expired one."""
        found = self.waivers.get(item_id)
        if found is None or self.waiver(item_id, today):
            return ""
        return f"the waiver of {found.approver} expired on {found.expires}"


def objection(item_id: str, name: str, operator: str) -> str:
    """Say why a person may not sign an item off, or an empty string (design, no 11)."""
    if not is_name(name):  # guard: a-sign-off-has-a-name
        return f"{item_id}: a sign-off needs a person's name{f', found {name.strip()!r}' if name.strip() else ''}"
    if accepts(item_id) and same_person(name, operator):
        return f"{item_id}: {operator} runs this deployment and cannot accept it; it takes somebody else"
    return ""


_TRIES = 3
"""How often a person is asked for a name that counts."""


def interview(item_id: str, words: str, operator: str, ask: Ask) -> SignOff | None:
    """Ask a person for one sign-off, with the item's own words.

    No name, no answer and a name that may not sign are all "not signed": the default is no.
    """
    question = f"\n{item_id}: {words}\n  Done and verified? Your name (empty: no): "
    for _ in range(_TRIES):
        name = (ask(question) or "").strip()
        if not name:
            return None
        if not (why_not := objection(item_id, name, operator)):
            note = (ask("  Note, such as what you saw (may be empty): ") or "").strip()
            return SignOff(item_id, name, datetime.now(UTC), note)
        question = f"  Not taken: {why_not}.\n  Name (empty: no): "
    return None
