"""Counting and timing what a new path does, by the contract's label standard (metrics of 21_01a and 21_01b)."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import Counter, Histogram


class Measured:
    """A counter of operations and a histogram of their seconds; only a path that makes one exports them."""

    def __init__(
        self, counter: str, latency: str, what: str, buckets: Sequence[float], error_type: Callable[[Exception], str]
    ) -> None:
        """Register both metrics.

        Args:
            counter: Its name, without `_total`.
            latency: The histogram's.
            what: What is counted, for the metrics' help.
            buckets: Upper bounds, seconds.
            error_type: Gives an error's label of that name.
        """
        self._operations = Counter(counter, what, ["operation", "status", "error_type"])
        self._latency = Histogram(latency, f"Duration: {what}", ["operation"], buckets=buckets)
        self._error_type = error_type

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        """Measure one operation; the label error_type stays empty (absent) on success."""
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._operations.labels(operation, "error", self._error_type(error)).inc()
            raise
        else:
            self._operations.labels(operation, "success", "").inc()
        finally:
            self._latency.labels(operation).observe(time.perf_counter() - start)
