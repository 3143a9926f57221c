"""Wait for a condition, with a deadline, and keep what was seen last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

Seen = TypeVar("Seen")


def poll(look: Callable[[], Seen], good: Callable[[Seen], bool], seconds: float, every: float = 0.1) -> Seen:
    """Look until `good` or until `seconds` have passed; returns what was seen last, good or not."""
    return Retrying(
        retry=retry_if_result(lambda seen: not good(seen)),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry_error_callback=_last,
    )(look)


def _last(state: RetryCallState) -> object:
    return state.outcome.result() if state.outcome else None
