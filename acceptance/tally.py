"""Count what a deployment is asked while a check is made: "nothing wrong" says little without of how much."""

from __future__ import annotations

import threading
from collections import Counter

_counted: Counter[str] = Counter()
_one_at_a_time = threading.Lock()
_of_thread = threading.local()


def count(what: str) -> None:
    """Count one answer, such as `HTTP 201`, whichever thread has it: a check's traffic has several."""
    if not getattr(_of_thread, "watches", False):
        with _one_at_a_time:
            _counted[what] += 1


def counted() -> Counter[str]:
    """Give what was answered in this process so far, and how often."""
    with _one_at_a_time:
        return Counter(_counted)


def watches() -> None:
    """Leave out from now on what this thread asks: it goes on beside the checks, and is none of theirs."""
    _of_thread.watches = True
