"""Compare the form of good answers: each field that all answers by the old path have, with its type.

Other code reads them: a number where there was text, or a field that is gone, breaks it, whatever the value says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from acceptance.finding import Finding
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.likeness import type_of
from acceptance.probes.seen import Seen


def other_form(before: Sequence[Exchange], now: Sequence[Exchange]) -> list[Finding]:
    """Name the fields that all answers by the old path have, and that are of another type now, or in no answer.

    Args:
        before: The same requests by the old path.
        now: Those by the new path.
    """
    old, new = ([form for form in map(_form, answers) if form] for answers in (before, now))
    common = {path: kind for path, kind in old[0].items() if all(each.get(path) == kind for each in old)} if old else {}
    found = {path: {each[path] for each in new if path in each} or {"nothing"} for path in common} if new else {}
    return [
        Finding("answered otherwise", now[0].url, f"{path} with {kind}, as by the old path", ", ".join(sorted(told)))
        for path, kind in common.items()
        if (told := found.get(path, {kind}) - {kind})
    ]


def _form(exchange: Exchange) -> Mapping[str, str]:
    """Give the type of each field of a good answer; nothing of any other."""
    try:
        answer = json.loads(exchange.body) if exchange.accepted else None
    except ValueError:
        return {}
    if not isinstance(answer, dict):
        return {}
    return {path: type_of(values[0]) for path, values in Seen({"answer": answer}, datetime.now(UTC)).values.items()}
