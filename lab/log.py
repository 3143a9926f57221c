"""Log lines of the lab's services: JSON as in the contract ("Logs"), or text as the real services write it.

`LAB_LOG_FORMAT` is `json`, `text` (Python's own form, UTC, no event and no trace id) or `rich` (the same in the columns
of Rich: 80 wide, to the second, the time left out where it is that of the line before).
"""

import contextvars
import json
import logging
import os
import secrets
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

FORMAT_VARIABLE = "LAB_LOG_FORMAT"
_RICH_COLUMNS = 80
_trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")
_service = "butler"
_format: str | None = None
_shown = ""  # the time in the newest line of a Rich log
LOG_FAULTS = ("log-times-of-another-zone", "log-one-trace-id", "log-lines-twice")
_ZONE = timedelta(hours=3)
_broken: frozenset[str] = frozenset()


def set_service(name: str, form: str | None = None) -> None:
    """Name the service that all following lines of this process come from, and its own format of them."""
    global _service, _format
    _service, _format = name, form


def break_lines(faults: Iterable[str]) -> None:
    """Write all lines of this process with these seeded faults."""
    global _broken
    _broken = frozenset(faults)


def trace_id() -> str:
    """Give the trace id of the request being served: 32 hex digits, or empty outside a request."""
    return _trace_id.get()


def new_trace(value: str | None = None) -> str:
    """Begin a trace: for a background task, give the id that it belongs to, or none for a new one."""
    _trace_id.set(value or secrets.token_hex(16))
    return trace_id()


def log(event: str, level: str = "INFO", **fields: object) -> None:
    """Write one log line, or several where the format wraps."""
    write = FORMATS[log_format()]
    now = datetime.now(UTC) + _ZONE * ("log-times-of-another-zone" in _broken)
    text = (write(now, event, level, fields) + "\n") * (1 + ("log-lines-twice" in _broken))
    sys.stderr.write(text)  # one write: lines of threads must not mix
    sys.stderr.flush()


def log_format() -> str:
    """Read the format of this lab's logs.

    Raises:
        ValueError: There is no such format.
    """
    name = os.environ.get(FORMAT_VARIABLE) or _format or "json"
    if name not in FORMATS:
        raise ValueError(f"{FORMAT_VARIABLE}: expected one of {', '.join(FORMATS)}, found {name!r}; correct it")
    return name


def _json(now: datetime, event: str, level: str, fields: Mapping[str, object]) -> str:
    line = {
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "service": _service,
        "event": event,
        "message": event.replace("_", " "),
        "trace_id": "f" * 32 if "log-one-trace-id" in _broken else trace_id(),
        **fields,
    }
    return json.dumps(line, default=str)


def _text(now: datetime, event: str, level: str, fields: Mapping[str, object]) -> str:
    return f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03} - {_service} - {level} - {_said(event, fields)}"


def _rich(now: datetime, event: str, level: str, fields: Mapping[str, object]) -> str:
    global _shown
    stamp = f"[{now:%m/%d/%y %H:%M:%S}]"
    head = f"{stamp if stamp != _shown else '':19} {level:8} "
    _shown = stamp
    width = _RICH_COLUMNS - len(head)
    lines = [part for line in _said(event, fields).splitlines() for part in textwrap.wrap(line, width) or [""]]
    return ("\n" + " " * len(head)).join([head + lines[0], *lines[1:]])


def _said(event: str, fields: Mapping[str, object]) -> str:
    """Say in words what a JSON line has as fields; a traceback follows on lines of its own."""
    told = {"message": event.replace("_", " ").capitalize(), **fields}
    trace = told.pop("traceback", "")
    rest = ", ".join(f"{key} {value}" for key, value in told.items() if key not in ("message", "logger"))
    return "\n".join(filter(None, [": ".join(filter(None, [str(told["message"]), rest])), str(trace).rstrip()]))


FORMATS: dict[str, Callable[[datetime, str, str, Mapping[str, object]], str]] = {
    "json": _json,
    "text": _text,
    "rich": _rich,
}


class JsonHandler(logging.Handler):
    """Turn records of the standard logging (uvicorn's) into our log lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one line."""
        log("server", record.levelname, message=record.getMessage(), logger=record.name)
