"""Describe how far an undo has come, from the events that it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from acceptance.events import read_events

UNDOING = ("rollback", "end_stage", "finish")
"""The calls to the watchdog that undo."""
_ANY = "waiting for the change in progress"
_FIRST = {"finish": "removing test data"}
"""What a call begins with, before it has told anything."""
_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "flag.changing": lambda data: f"switching {data['flag']} to {data['value']}",
    "rollback.started": lambda data: f"rolling back stage {data['stage']}",
    "service.restarting": lambda data: f"restarting {data['service']}",
    "service.restarted": lambda data: f"{data['service']} has restarted; looking whether it took the old path",
    "rollback.finished": lambda data: f"stage {data['stage']} is done; removing test data",
    "flag.restored": lambda data: f"stage {data['stage']} is done; removing test data",
    "recovery.undone": lambda data: f"undone: {data['what']}; going on",
}


class Progress:
    """Describes the step of an undo that its newest event tells of.

    Args:
        call: What was asked for.
    """

    def __init__(self, call: str = "") -> None:
        self.said = _FIRST.get(call, _ANY)

    def append(self, kind: str, /, **data: Any) -> None:
        """Take an event."""
        if kind in _WORDS:
            self.said = _WORDS[kind](data)

    def line(self, seconds: float, *, pressed: bool) -> str:
        """Give the line for a person who waits; who pressed a key is asked not to press it again."""
        again = "; do not press again, it goes on by itself" if pressed else ""
        return f"undo, {seconds:.0f} s: {self.said}{again}"


def progress(log: Path, call: str = "") -> Progress:
    """Read how far an undo has come from a run's event log."""
    found = Progress(call)
    with suppress(Exception):  # telling must not stop the undo
        for event in read_events(log):
            found.append(event.kind, **event.data)
    return found
