"""The ledger of what the suite itself provokes, so that no trigger takes our own probes for a broken release."""

from __future__ import annotations

import math
import time
from collections import Counter


class OwnEvents:
    """Counts the events that the suite's own probes cause; told before they are sent.

    Some must be counted by the service, such as a refused digest; others may be, such as a damaged archive, of which
    the contract does not say what it counts as. Both are subtracted before a trigger fires.
    """

    def __init__(self) -> None:
        self._must: Counter[str] = Counter()
        self._may: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def expect(self, event: str) -> None:
        """Announce an event that the service must count, such as ``checksum_failed``."""
        self._told[event] = time.time()
        self._must[event] += 1

    def allow(self, event: str, count: int = 1) -> None:
        """Announce events that it may count."""
        self._told[event] = time.time()
        self._may[event] += count

    def begin(self, event: str) -> None:
        """Take whatever is counted from now on for our own, until ``end`` tells how much it was."""
        self._open[event] += 1

    def end(self, event: str, count: int) -> None:
        """Tell what was counted since ``begin``."""
        self.allow(event, count)
        self._open[event] -= 1

    def span(self, event: str) -> tuple[int, float]:
        """Give how many must and how many may have been counted; the latter is infinite after ``begin``."""
        most = math.inf if self._open[event] else self._must[event] + self._may[event]
        return self._must[event], most

    def quiet_since(self, event: str) -> float:
        """Give the unix seconds since when none was announced; infinite after ``begin``."""
        return math.inf if self._open[event] else self._told.get(event, 0.0)
