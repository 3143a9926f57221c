"""Check that Butler's collections hold documents of the contract's form (target contract, "MongoDB")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import DESCENDING
from pymongo.database import Database

from acceptance.finding import Finding
from acceptance.observe.mongo import asking

#: Collection -> fields that every document of it has, old code or new, whatever its state.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "dialog_contexts": ("session_id", "user_id", "state", "data", "step_count"),
    "long_tasks": ("task_id", "task_type", "status", "user_id", "created_at"),
    "review_archives": ("task_id", "student_id", "assignment_id", "kind", "path", "size_bytes", "sha256"),
    "homework_reviews": ("task_id", "student_id", "assignment_id", "report", "created_at"),
}
NEWEST = 20


@dataclass(frozen=True)
class CollectionState:
    """What a collection holds: documents in all, how many were read, and what is wrong."""

    count: int
    read: int
    findings: list[Finding]


def look_at(mongo: Database[dict[str, Any]], name: str) -> CollectionState:
    """Count a collection's documents and read the newest.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    with asking(name):
        count = mongo[name].count_documents({})
        newest = list(mongo[name].find().sort("_id", DESCENDING).limit(NEWEST))
    if not count:
        return CollectionState(0, 0, [Finding("no documents", f"{mongo.name}.{name}", "documents", "none")])
    bad = [
        Finding("incomplete document", f"document {each['_id']}", ", ".join(lacks), "none of them")
        for each in newest
        if (lacks := [field for field in FIELDS[name] if each.get(field) is None])
    ]
    return CollectionState(count, len(newest), bad)
