"""What the decomposed use case counts (contract, "Metrics", 21_01d)."""

import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prometheus_client import Counter, Histogram
from pymongo.errors import PyMongoError

from lab.worker.rate_limit import RateLimitError

T = TypeVar("T")


class ReviewMetrics:
    """Made together with the use case, so that the old path exports none of them."""

    def __init__(self) -> None:
        self._errors = Counter("review_submission_use_case_errors", "Failures of a review", ["component", "error_type"])
        self._duration = Histogram(
            "review_submission_duration_seconds",
            "Time from claiming a review to its end; the wait before it is the poll interval at most",
            ["status"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120),
        )
        self.rate_limit_hits = Counter("review_submission_rate_limit_hits", "Reviews refused by the rate limit")

    @contextmanager
    def component(self, name: str) -> Iterator[None]:
        """Count a failure under the component that it happened in."""
        try:
            yield
        except RateLimitError:
            raise
        except Exception as error:
            kind = "storage_error" if isinstance(error, PyMongoError) else "internal_error"
            self._errors.labels(name, kind).inc()
            raise

    async def timed(self, work: Awaitable[T]) -> T:
        """Await the work and observe how long it took, under its outcome."""
        start, status = time.perf_counter(), "error"
        try:
            result = await work
            status = "success"
        finally:
            self._duration.labels(status).observe(time.perf_counter() - start)
        return result
