"""How many reviews a student may submit: a sliding window per student."""

import time
from collections import defaultdict, deque
from collections.abc import Callable

LIMIT = 30
WINDOW_SECONDS = 60.0


class RateLimitError(Exception):
    """The student has submitted too many reviews in the last minute."""


class SlidingWindow:
    """At most `limit` passes per key in any `window` seconds; a refused one does not count."""

    def __init__(
        self, limit: int = LIMIT, window: float = WINDOW_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._passes: dict[str, deque[float]] = defaultdict(deque)

    def allows(self, key: str) -> bool:
        """Tell whether one more may pass now; if so it is counted."""
        now = self._clock()
        passes = self._passes[key]
        while passes and passes[0] <= now - self._window:
            passes.popleft()
        if len(passes) >= self._limit:
            return False
        passes.append(now)
        return True
