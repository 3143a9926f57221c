"""See whether what everybody had stored before a flag change is stored after it: a new path may clear up as it starts.

Source: checklist, "Rollback Trigger Checklist" (data corruption, missing files); rollback plan (lost history).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acceptance.finding import Finding, Severity
from acceptance.observe.collections import FIELDS
from acceptance.observe.store import Store

LOOKED_AT = 500
"""So many documents of a collection are looked for again, the newest; the others are counted."""
SHARE, FEWEST = 0.05, 3
"""Users delete some, and some expire: no more than this share, or fewer than so many, is no loss."""


@dataclass(frozen=True)
class Stored:
    """What a collection held.

    Attributes:
        count: Its documents.
        ids: Those of the newest ones.
    """

    count: int
    ids: tuple[Any, ...]


def all_stored(mongo: Store) -> Mapping[str, Stored]:
    """Note what each collection holds now, whoever stored it.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return {
        name: Stored(
            mongo[name].count_documents({}), tuple(each["_id"] for each in mongo[name].find().newest(LOOKED_AT))
        )
        for name in FIELDS
    }


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
    gone = len(before.ids) - documents.count_documents({"_id": {"$in": list(before.ids)}})
    fewer = before.count - documents.count_documents({})
    pairs = ((gone, len(before.ids), "newest documents"), (fewer, before.count, "documents"))
    return [
        Finding("documents lost", documents.name, f"the {of} {what} of before", f"{of - lost}", Severity.CRITICAL)
        for lost, of, what in pairs
        if lost >= FEWEST and lost > SHARE * of
    ][:1]
