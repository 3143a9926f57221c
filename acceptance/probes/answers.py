"""Compare the form of good answers: each field that all answers by the old path have, with its type, and the headers.

Other code reads them: a number where there was text, or a field that is gone, breaks it, whatever the value says. By
the headers a client reads no JSON, a browser lets others in, or a cache between them tells an old state for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from acceptance.finding import Finding, Severity
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.likeness import type_of
from acceptance.probes.seen import Seen

PROTECT = ("content-security-policy", "strict-transport-security", "x-content-type-options", "x-frame-options")
"""Headers that a browser keeps to: none that the old path sends may be lost."""
OPEN = ("access-control-allow-credentials", "access-control-allow-origin", "set-cookie")
"""Headers that let others in: none may come that the old path does not send."""
MEDIA, KEPT = "content-type", "cache-control"
_MAY_BE_KEPT = re.compile(r"\bpublic\b|\bimmutable\b|\b(?:s-)?max-?age\s*=\s*\"?0*[1-9]", re.IGNORECASE)


def headers_of(exchange: Exchange) -> Mapping[str, str]:
    """Give the headers of an answer that are compared: of a cookie its presence, of the media type no parameters."""
    found = {name: exchange.headers[name] for name in (*PROTECT, *OPEN, MEDIA) if name in exchange.headers}
    if "set-cookie" in found:
        found["set-cookie"] = "one"
    if MEDIA in found:
        found[MEDIA] = found[MEDIA].partition(";")[0].strip()
    told = exchange.headers.get(KEPT, "")
    return found | ({KEPT: told} if _MAY_BE_KEPT.search(told) and "no-store" not in told.lower() else {})


def other_headers(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Give each header that changes the meaning of an answer against the old path: name, before, now."""
    for name in (MEDIA, *PROTECT, *OPEN, KEPT):
        old, found = was.get(name, "none"), now.get(name, "none")
        loses, opens = name in (MEDIA, *PROTECT) and old != "none", name in (*OPEN, KEPT) and found != "none"
        if old != found and (loses or opens):
            yield name, old, found


def other_form(before: Sequence[Exchange], now: Sequence[Exchange]) -> list[Finding]:
    """Name the fields of all answers by the old path that are missing now, or have another type.

    Args:
        before: The same requests by the old path.
        now: Those by the new path.
    """
    old, new = ([form for form in map(_form, answers) if form] for answers in (before, now))
    if not old or not new:
        return list(_otherwise_sent(before, now))
    common = {path: kind for path, kind in old[0].items() if all(each.get(path) == kind for each in old)}
    found = []
    for path, kind in common.items():
        others = ({each[path] for each in new if path in each} or {"nothing"}) - {kind}
        if others:
            expected = f"{path} with {kind}, as by the old path"
            found.append(Finding("answered otherwise", now[0].url, expected, ", ".join(sorted(others))))
    return [*found, *_otherwise_sent(before, now)]


def _otherwise_sent(before: Sequence[Exchange], now: Sequence[Exchange]) -> Iterator[Finding]:
    """Name the headers of good answers that differ from every good answer by the old path."""
    old, new = ([headers_of(each) for each in answers if each.accepted] for answers in (before, now))
    unlike = [told for each in reversed(new) if old and each not in old for told in other_headers(old[0], each)]
    for name, (was, found) in {name: (was, found) for name, was, found in unlike}.items():
        yield Finding("other header", f"{now[0].url}: {name}", f"{was}, as by the old path", found, Severity.HIGH)


def _form(exchange: Exchange) -> Mapping[str, str]:
    """Give the type of each field of a good answer; nothing of any other."""
    try:
        answer = json.loads(exchange.body) if exchange.accepted else None
    except ValueError:
        return {}
    if not isinstance(answer, dict):
        return {}
    return {path: type_of(values[0]) for path, values in Seen({"answer": answer}, datetime.now(UTC)).values.items()}
