"""Log what is being undone, and go on undoing when the log itself cannot be written.

A disk that is full for the event log must not stop a rollback: the rollback matters more than its
record. What could not be written is said on standard error and goes into the account of the rollback.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from acceptance.kinds import Log


class BestEffort:
    """An event log for the undo: it never raises.

    Args:
        events: Where to write; None writes nowhere, as there is no run to write for.
    """

    def __init__(self, events: Log | None) -> None:
        self._events = events
        self.lost: list[str] = []

    def append(self, kind: str, /, **data: Any) -> None:
        """Write one event; one that cannot be written is remembered in `lost` and told on standard error."""
        if self._events is None:
            return
        try:
            self._events.append(kind, **data)
        # guard: full-event-log-does-not-stop-the-undo
        except Exception as error:  # disk full, folder gone, log damaged: none of it may stop an undo
            self.lost.append(f"{kind} ({error})")
            with suppress(OSError):
                print(f"NOT RECORDED: {kind}: {error}; the undo goes on", file=sys.stderr, flush=True)

    def note(self) -> str:
        """Say what is missing in the log, or nothing."""
        return f"not in the event log: {', '.join(self.lost)}" if self.lost else ""
