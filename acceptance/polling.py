"""Wait for a condition with a deadline; run a slow call in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

Seen = TypeVar("Seen")


def poll(look: Callable[[], Seen], good: Callable[[Seen], bool], seconds: float, every: float = 0.1) -> Seen:
    """Call `look` until its answer is `good`, or `seconds` have passed; returns the last answer, good or not."""
    return Retrying(
        retry=retry_if_result(lambda seen: not good(seen)),
        stop=stop_after_delay(seconds),  # guard: waiting-for-a-service-comes-to-an-end
        wait=wait_fixed(every),
        retry_error_callback=_last,
    )(look)


def beside(call: Callable[[], Seen]) -> Future[Seen]:
    """Begin a call in a thread of its own; the process may end without waiting for it.

    Where no thread is to be had, that error is its answer: what goes on beside a rollback does not keep it up.
    """
    answer: Future[Seen] = Future()
    context = copy_context()  # what a watch asks by it is a watch's

    def work() -> None:
        try:
            answer.set_result(context.run(call))
        except BaseException as error:
            answer.set_exception(error)

    try:
        threading.Thread(target=work, daemon=True).start()
    except RuntimeError as error:  # guard: rollback-needs-no-thread
        answer.set_exception(error)
    return answer


def _last(state: RetryCallState) -> object:
    return state.outcome.result() if state.outcome else None
