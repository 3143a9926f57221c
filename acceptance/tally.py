"""Count what a deployment is asked while a check is made: "nothing wrong" says little without of how much."""

from __future__ import annotations

import threading
from collections import Counter
from contextvars import ContextVar

_counted: Counter[str] = Counter()
_one_at_a_time = threading.Lock()
_beside_the_checks: ContextVar[bool] = ContextVar("beside the checks", default=False)


def count(what: str) -> None:
    """Count one answer, such as `HTTP 201`, whichever thread has it: a check's traffic has several."""
    if not _beside_the_checks.get():
        with _one_at_a_time:
            _counted[what] += 1


def counted() -> Counter[str]:
    """Give what was answered in this process so far, and how often."""
    with _one_at_a_time:
        return Counter(_counted)


def watches() -> None:
    """Leave out from now on what this thread asks, and what it has asked: it goes on beside the checks."""
    _beside_the_checks.set(True)
