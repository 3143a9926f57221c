"""Metrics of butler-api (contract, "Metrics"): the storage families exist on the new path only."""

from prometheus_client import Counter, Gauge, Histogram

BACKEND = "local_fs"
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10)

ERRORS = Counter("butler_errors", "Requests that ended in a server error", ["error_type", "handler"])


class StorageMetrics:
    """The review_archive_storage_* families; made without `on`, it exports and counts nothing."""

    def __init__(self, on: bool) -> None:
        self._on = on
        if not on:
            return
        name = "review_archive_storage_"
        self._operations = Counter(
            name + "operations", "Storage operations", ["operation", "status", "backend", "error_type"]
        )
        self._checksums = Counter(name + "checksum_failures", "Archives whose digest did not hold", ["backend"])
        # The contract's name has no _total, which a Counter would add.
        self._bytes = Gauge(name + "bytes_written", "Bytes written since the process started", ["backend"])
        self._latency = Histogram(
            name + "latency_seconds", "Time of a storage operation", ["backend", "operation"], buckets=_BUCKETS
        )

    def saved(self, kind: str, size: int, seconds: float) -> None:
        """Count one archive kept: its size in bytes, and how long the write took."""
        if self._on:
            self._operations.labels(f"save_{kind}", "success", BACKEND, "").inc()
            self._bytes.labels(BACKEND).inc(size)
            self._latency.labels(BACKEND, f"save_{kind}").observe(seconds)

    def failed(self, kind: str, error_type: str, seconds: float | None = None) -> None:
        """Count one archive not kept; `error_type` is one of the label standard's."""
        if not self._on:
            return
        self._operations.labels(f"save_{kind}", "error", BACKEND, error_type).inc()
        if error_type == "checksum_failed":
            self._checksums.labels(BACKEND).inc()
        if seconds is not None:
            self._latency.labels(BACKEND, f"save_{kind}").observe(seconds)
