"""The record as if the run ended now: for the texts that are checked while it is still going."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from acceptance.events import Event
from acceptance.record.model import build
from acceptance.record.parts import Record
from acceptance.verdict import Outcome


def so_far(events: Iterable[Event]) -> Record:
    """Build the record of an event log to which more is still being written.

    Checks to come are left out and the run claims a GO; as always, the record shows a worse outcome when the events
    before it do not bear that out.
    """
    log = list(events)
    done = {event.data.get("nodeid") for event in log if event.kind == "check.finished"}
    return build([*_only(log, done), _end(log)])


def _only(log: Iterable[Event], done: set[object]) -> Iterable[Event]:
    for event in log:
        if event.kind == "checks.expected":
            checks = [check for check in event.data.get("checks") or () if check.get("nodeid") in done]
            yield replace(event, data={**event.data, "checks": checks})
        else:
            yield event


def _end(log: list[Event]) -> Event:
    data = {"outcome": Outcome.GO.value, "reasons": [], "exit_code": 0}
    last = log[-1].hash if log else ""
    return Event(len(log), datetime.now(UTC).isoformat(timespec="milliseconds"), "run.finished", data, last, "")
