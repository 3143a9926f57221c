"""Check that Butler's collections hold documents of the contract's form (target contract, "MongoDB")."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acceptance.finding import Finding
from acceptance.observe.store import Store

FIELDS: Mapping[str, tuple[str, ...]] = {
    "dialog_contexts": ("session_id", "user_id", "state", "data", "step_count"),
    "long_tasks": ("task_id", "task_type", "status", "user_id", "created_at"),
    "review_archives": ("task_id", "student_id", "assignment_id", "kind", "path", "size_bytes", "sha256"),
    "homework_reviews": ("task_id", "student_id", "assignment_id", "report", "created_at"),
}
"""Collection -> fields that every document of it has, old code or new, whatever its state."""
OWNED: Mapping[str, tuple[str, ...]] = {
    "dialog_contexts": ("user_id",),
    "long_tasks": ("user_id", "metadata.student_id", "metadata.assignment_id"),
    "review_archives": ("student_id", "assignment_id"),
    "homework_reviews": ("student_id", "assignment_id"),
}
"""Collection -> fields that carry a run's prefix: a test user's id; the assignment, where an attack has another id."""
NEWEST = 20
_MORE_DIGITS = 7
"""Most digits that an id of ours has behind its prefix."""


def digits_of(prefix: str) -> str:
    """Give the digits that begin a run's numeric ids: a numeric prefix itself, else digits made from the prefix."""
    number = int(hashlib.sha256(prefix.encode()).hexdigest(), 16) % 10**9
    return prefix if prefix.isdigit() else f"9{number:09d}"


def of_prefix(field: str, prefix: str) -> dict[str, Any]:
    """Match documents whose field holds an id with the prefix, also in the middle of a hostile id.

    A prefix of digits must begin the id, which may be stored as a number: others may hold it by chance.
    """
    digits = digits_of(prefix)
    first = int(digits)
    spans = [{"$gte": first * 10**more, "$lt": (first + 1) * 10**more} for more in range(1, _MORE_DIGITS + 1)]
    texts = [{"$regex": f"^{digits}"}, *([] if prefix.isdigit() else [{"$regex": re.escape(prefix)}])]
    return {"$or": [{field: each} for each in (*texts, *spans)]}


def owned_by(name: str, prefix: str) -> dict[str, Any]:
    """Match a collection's documents of a run, or of a test user, by the prefix of their ids."""
    return {"$or": [of_prefix(field, prefix) for field in OWNED[name]]}


def unknown_fields(mongo: Store) -> list[Finding]:
    """Name the fields that none of the newest documents of a collection has: the deployment calls them otherwise.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    newest = {name: list(mongo[name].find().newest(NEWEST)) for name in FIELDS}
    return [
        Finding("no such field", mongo[name].name, f"{field} in a document", f"none in the newest {len(documents)}")
        for name, documents in newest.items()
        for field in FIELDS[name]
        if documents and not any(field in document for document in documents)
    ]


@dataclass(frozen=True)
class CollectionState:
    """What a collection holds: documents in all, how many were read, and what is wrong."""

    count: int
    read: int
    findings: list[Finding]


def look_at(mongo: Store, name: str) -> CollectionState:
    """Count a collection's documents and read the newest.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    count = mongo[name].count_documents({})
    newest = list(mongo[name].find().newest(NEWEST))
    if not count:
        return CollectionState(0, 0, [Finding("no documents", mongo[name].name, "documents", "none")])
    bad = [
        Finding("incomplete document", f"document {each['_id']}", ", ".join(lacks), "none of them")
        for each in newest
        if (lacks := [field for field in FIELDS[name] if each.get(field) is None])
    ]
    return CollectionState(count, len(newest), bad)
