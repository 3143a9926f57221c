"""Read a deployment as it is before its texts are sent: a text must not wait for itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from acceptance.checklist import GENERATED, asks
from acceptance.events import Event, expecting
from acceptance.kinds import CheckFinished, RunFinished
from acceptance.verdict import Outcome

DOCUMENTS = GENERATED | {"acceptance.8", "acceptance.9"}
"""Items that are answered by a text which tells of the deployment: entry, post, e-mail, and that people have them."""

MISSING = "sign-offs missing"
"""How the reason begins that keeps a production run from GO for want of a person, or of such a text."""


def before_the_documents(events: Iterable[Event]) -> list[Event]:
    """Leave out the checks that still await a text, and the claim of a run that lacks nothing but what is awaited."""
    log = list(events)
    open_ = {
        end.nodeid
        for end in CheckFinished.all(log)
        if end.items and set(end.items) <= DOCUMENTS and asks(end.phase, end.reason)
    }
    kept = (event for event in log if event.data.get("nodeid") not in open_)
    return [_unclaimed(expecting(event, lambda check: check.get("nodeid") not in open_)) for event in kept]


def _unclaimed(event: Event) -> Event:
    end = RunFinished.read(event)
    if not end or end.outcome != Outcome.INCONCLUSIVE or not all(each.startswith(MISSING) for each in end.reasons):
        return event
    return replace(event, data={name: each for name, each in event.data.items() if name not in ("outcome", "reasons")})
