"""See whether what everybody had stored before a flag change is stored after it: a new path may clear up as it starts.

Source: checklist, "Rollback Trigger Checklist" (data corruption, missing files); rollback plan (lost history).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acceptance.finding import Finding, Severity
from acceptance.observe.collections import FIELDS
from acceptance.observe.store import Documents, Store

LOOKED_AT = 500
"""So many documents of a collection are looked for again, the newest; the others are counted."""
SHARE, FEWEST = 0.05, 3
"""Users delete some: no more than this share, or fewer than so many, is no loss."""


@dataclass(frozen=True)
class Stored:
    """What a collection held.

    Attributes:
        count: Its documents.
        ids: Those of the newest ones, the newest first.
        expire: They go by themselves as they grow old; an index that makes them do so later is no excuse.
    """

    count: int
    ids: tuple[Any, ...]
    expire: bool


def all_stored(mongo: Store) -> Mapping[str, Stored]:
    """Note what each collection holds now, whoever stored it.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return {name: _stored(mongo[name]) for name in FIELDS}


def _stored(documents: Documents) -> Stored:
    newest = documents.find({}, {"_id": True}).newest(LOOKED_AT)
    return Stored(documents.count_documents({}), tuple(each["_id"] for each in newest), documents.expires())


def lost_documents(mongo: Store, before: Mapping[str, Stored]) -> list[Finding]:
    """Name the collections that lost documents since then; what was added meanwhile hides some of the older ones.

    Args:
        mongo: The database.
        before: What `all_stored` noted.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return [found for name, stored in before.items() for found in _lost(mongo, name, stored)]


def _lost(mongo: Store, name: str, before: Stored) -> list[Finding]:
    documents = mongo[name]
    there = [each["_id"] for each in documents.find({"_id": {"$in": list(before.ids)}}, {"_id": True})]
    newest, fewer = before.ids, before.count - documents.count_documents({})
    if before.expire:  # the oldest go by themselves; not so all
        kept = [place for place, each in enumerate(newest) if each in there]
        newest, fewer = newest[: kept[-1] + 1] if kept else newest, 0
    pairs = ((len(newest) - len(there), len(newest), "newest documents"), (fewer, before.count, "documents"))
    return [
        Finding("documents lost", documents.name, f"the {of} {what} of before", f"{of - lost}", Severity.CRITICAL)
        for lost, of, what in pairs
        if lost >= FEWEST and lost > SHARE * of
    ][:1]
