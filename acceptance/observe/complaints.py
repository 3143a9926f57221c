"""Warnings and errors in a service's log that are of a new kind (21_01a.monitor.2: "no new errors").

A kind is the line's event, error type and message, numbers and ids left out: what a service said before the change too
is not news, whatever the session or time in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from acceptance.observe.logs import LogLine, Logs

LEVELS = ("WARN", "WARNING", "ERROR", "CRITICAL", "FATAL")
_VARIES = re.compile(r"\b(?=\w*\d)[\w-]+|\d+")


def new_complaints(logs: Logs, since: datetime, lookback: timedelta = timedelta(hours=1)) -> list[LogLine]:
    """Give the lines at WARN or above since then whose kind did not occur in the time before.

    Args:
        logs: The service's log.
        since: When the change was made, aware.
        lookback: How long before it counts as before.

    Raises:
        Inconclusive: The log cannot be read, or is empty.
    """
    complaints = [line for line in logs.since(since - lookback) if line.level.upper() in LEVELS]
    known = kinds(line for line in complaints if line.at < since)
    return [line for line in complaints if line.at >= since and not kinds([line]) <= known]


def kinds(lines: Iterable[LogLine]) -> set[tuple[str, str, str]]:
    """Name the kinds of these lines."""
    return {(line.event, _text(line, "error_type"), _VARIES.sub("#", _text(line, "message"))) for line in lines}


def _text(line: LogLine, name: str) -> str:
    return str(line.fields.get(name, ""))
