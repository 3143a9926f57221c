"""JSON log lines of the lab's services (contract, "Logs"), each with the trace id of its request."""

import contextvars
import json
import logging
import secrets
import sys
from datetime import UTC, datetime

_trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")
_service = "butler"


def set_service(name: str) -> None:
    """Name the service that all following lines of this process come from."""
    global _service
    _service = name


def trace_id() -> str:
    """The trace id of the request being served: 32 hex digits, or empty outside a request."""
    return _trace_id.get()


def new_trace(value: str | None = None) -> str:
    """Begin a trace: for a background task, give the id that it belongs to, or none for a new one."""
    _trace_id.set(value or secrets.token_hex(16))
    return trace_id()


def log(event: str, level: str = "INFO", **fields: object) -> None:
    """Write one log line (contract, "Logs"): one JSON object, RFC 3339 time in UTC, current trace id."""
    line = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "service": _service,
        "event": event,
        "message": event.replace("_", " "),
        "trace_id": trace_id(),
        **fields,
    }
    sys.stderr.write(json.dumps(line, default=str) + "\n")  # one write: lines of threads must not mix
    sys.stderr.flush()


class JsonHandler(logging.Handler):
    """Turn records of the standard logging (uvicorn's) into our log lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one line."""
        log("server", record.levelname, message=record.getMessage(), logger=record.name)
