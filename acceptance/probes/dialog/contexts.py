"""Read what `dialog_contexts` holds of a conversation (target contract, "MongoDB")."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import Any

from acceptance.finding import Finding
from acceptance.observe.collections import FIELDS
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.store import Store, spellings
from acceptance.polling import poll
from acceptance.probes.dialog.gateway import Turn

COLLECTION = "dialog_contexts"
OPERATIONS = "dialog_context_repository_operations_total"
"""Only the new repository exports it."""

STORE_DELAY_S = 2.0
"""How long a context may take to be stored once the answer is there, in seconds."""
Context = Mapping[str, Any]


def context_of(mongo: Store, session_id: str) -> Context | None:
    """Find a session's stored context.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return mongo[COLLECTION].find_one({"session_id": session_id}, {"_id": False})


def newest_of(mongo: Store, user_id: str) -> Context | None:
    """Find a user's newest context: that of a conversation whose answers name no session.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return next(iter(mongo[COLLECTION].find({"user_id": user_id}, {"_id": False}).newest(1)), None)


def context_for(mongo: Store, turn: Turn) -> Context | None:
    """Find the context of a turn's session; where the answer names none it is the user's newest one.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    return newest_of(mongo, turn.user_id) if turn.session_id is None else context_of(mongo, turn.session_id)


def context_after(mongo: Store, turn: Turn) -> Context | None:
    """Find the context of a turn's session, waiting a little until it holds the turn; what was seen last."""
    if turn.session_id == "":
        return None
    return poll(
        lambda: context_for(mongo, turn),
        lambda context: context is not None and turn.message in texts(context.get("data")),
        STORE_DELAY_S,
    )


def findings(context: Context | None, user_id: str | None, said: Sequence[str]) -> list[Finding]:
    """Name what a stored context lacks.

    Args:
        context: The document, None when there is none.
        user_id: Whose it must be; None where that is not known.
        said: What the user said, oldest first; all of it must be in `data`, in that order.
    """
    if context is None:
        return [Finding("not stored", COLLECTION, f"a document in {COLLECTION}", "none")]
    wrong = partial(Finding, "wrongly stored", f"{COLLECTION}, session {context.get('session_id')}")
    found = [
        wrong(f"{name} in the document", str(sorted(context)))
        for name in FIELDS[COLLECTION]
        if context.get(name) is None
    ]
    if user_id is not None and context.get("user_id") not in spellings(user_id):
        found.append(wrong(f"user_id {user_id!r}", repr(context.get("user_id"))))
    steps = context.get("step_count")
    if not isinstance(steps, int) or steps < 1:
        found.append(wrong("step_count of at least 1", repr(steps)))
    if (gone := lost(context, said)) is not None:
        stored = list(texts(context.get("data")))
        found.append(wrong(f"{gone!r} in data, after what was said before it", str(stored)))
    return found


def lost(context: Context, said: Sequence[str]) -> str | None:
    """Give the first of some texts that a stored context does not hold after the ones before it."""
    remaining = texts(context.get("data"))  # `in` consumes it, so the order counts
    return next((text for text in said if text not in remaining), None)


def texts(value: object) -> Iterator[str]:
    """Give every text within a stored value, in order, whatever its shape, also one that is JSON as text."""
    if isinstance(value, str):
        yield value
        with suppress(ValueError, RecursionError):
            yield from texts(json.loads(value) if value[:1] in ("{", "[") else None)
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def remembered(context: Context | None, said: Sequence[str]) -> dict[str, int]:
    """Count how often a stored context holds each message in full; how many it keeps is not prescribed."""
    stored = Counter(texts((context or {}).get("data")))
    return {message: stored[message] for message in said}


def kept(context: Context | None, said: Sequence[str]) -> int:
    """Count how many of the newest messages a stored context holds in full, without a gap."""
    held = remembered(context, said)
    return len(list(takewhile(lambda message: held[message] > 0, reversed(said))))


def kept_in_turn(context: Context | None, talk: Sequence[str]) -> int:
    """Count how many of the newest texts of a talk a stored context holds in full, in their order."""
    newest = (list(talk[len(talk) - number :]) for number in range(len(talk), 0, -1))
    return next((len(each) for each in newest if lost(context or {}, each) is None), 0)


def steps(contexts: Sequence[Context | None]) -> list[Any]:
    """Give `step_count` of each context, None where there is none."""
    return [context.get("step_count") if context else None for context in contexts]


def saves(prometheus: Prometheus, job: str) -> int:
    """Count the contexts that the new repository says it saved; 0 when it exports nothing."""
    query = f'sum({OPERATIONS}{{job="{job}",operation="save",status="success"}})'
    return round(sum(sample.value for sample in prometheus.instant(query)))
