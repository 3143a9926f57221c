"""Find what MongoDB holds of an upload that was refused: a sound service keeps no document and no task of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from acceptance.observe.collections import OWNED, owned_by
from acceptance.observe.store import Store
from acceptance.polling import poll

COLLECTIONS = ("long_tasks", "review_archives", "homework_reviews")
TIDYING_S = 2.0
"""Seconds in which a service may remove what it wrote before it refused."""


def refused_documents(mongo: Store, prefix: str, marks: Sequence[str]) -> dict[str, list[str]]:
    """Name the documents of uploads that were refused, by the mark that each one's ids and names carry.

    Args:
        mongo: The database.
        prefix: Of the test users' ids, or of their assignments.
        marks: Of the uploads, each beginning with the prefix; what carries none of them is not asked for.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return poll(lambda: _by_mark(mongo, prefix, marks), lambda found: not found, TIDYING_S)


def _by_mark(mongo: Store, prefix: str, marks: Sequence[str]) -> dict[str, list[str]]:
    any_of = "|".join(map(re.escape, marks)) or "(?!)"
    mark = re.compile(rf"(?<!\w)(?:{any_of})(?!\w)")  # the whole: 12 is no 1
    found: dict[str, list[str]] = {}
    for text, told in _documents(mongo, prefix):
        if match := mark.search(text):
            found.setdefault(match[0], []).append(told)
    return found


def _documents(mongo: Store, prefix: str) -> Iterator[tuple[str, str]]:
    for name in COLLECTIONS:
        wanted = {"$or": [owned_by(name, prefix), *({field: prefix} for field in OWNED[name])]}
        for document in mongo[name].find(wanted):
            status = f", {document['status']}" if "status" in document else ""
            yield str(document), f"{mongo[name].name} {document.get('task_id')}{status}"
