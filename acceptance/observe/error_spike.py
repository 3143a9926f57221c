"""Errors in a service's log since a restart, against those before it (21_00.exit.2: "no error spike in logs")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from acceptance.gates.statistics import Count, increase_p, least_seen
from acceptance.observe.logs import LogLine, Logs

LEVELS = ("ERROR", "CRITICAL", "FATAL")
#: Chance that an unchanged service is called worse.
ALPHA = 0.01
#: One error is no spike, however rare errors were before.
LEAST = 3


@dataclass(frozen=True)
class ErrorLevel:
    """Errors of one service, each count out of so many seconds.

    Attributes:
        service: Its name.
        before: Until the moment looked at.
        after: Since then.
        lines: The errors since then, in short.
    """

    service: str
    before: Count
    after: Count
    lines: tuple[str, ...]

    @property
    def spike(self) -> bool:
        """Whether there are more errors than before, by the exact conditional test, and at least three."""
        return self.after.events >= LEAST and increase_p(self.before, self.after) < ALPHA

    def explain(self) -> str:
        """Give one line with the numbers, and the first errors."""
        least = max(LEAST, least_seen(self.before, self.after.of, ALPHA))
        text = (
            f"{self.service}: {self.after.events} errors in {self.after.of:.0f} s, "
            f"before {self.before.events} in {self.before.of:.0f} s; a spike from {least} on"
        )
        return f"{text}: {'; '.join(self.lines[:3])}" if self.lines else text


def error_level(
    service: str, logs: Logs, moment: datetime, now: datetime, *, ours: str, lookback: timedelta = timedelta(minutes=15)
) -> ErrorLevel:
    """Count a service's errors before and after ``moment``, but for those of our own requests.

    Args:
        service: Its name.
        logs: Its log.
        moment: Of the restart, aware.
        now: The end, aware.
        ours: Trace ids that begin with this are our own requests.
        lookback: How long before; less where the log begins later.

    Raises:
        Inconclusive: The log cannot be read, or is empty.
    """
    lines = logs.since(moment - lookback)
    begin = min((line.at for line in lines), default=moment)
    errors = [line for line in lines if line.level.upper() in LEVELS and not (ours and line.trace_id.startswith(ours))]
    since = _brief(line for line in errors if line.at >= moment)
    before = Count(sum(line.at < moment for line in errors), max(1.0, (moment - begin).total_seconds()))
    return ErrorLevel(service, before, Count(len(since), max(1.0, (now - moment).total_seconds())), since)


def _brief(lines: Iterable[LogLine]) -> tuple[str, ...]:
    return tuple(line.brief() for line in lines)


COMPLAINT_LEVELS = ("WARN", "WARNING", "ERROR", "CRITICAL", "FATAL")
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
    complaints = [line for line in logs.since(since - lookback) if line.level.upper() in COMPLAINT_LEVELS]
    known = kinds(line for line in complaints if line.at < since)
    return [line for line in complaints if line.at >= since and not kinds([line]) <= known]


def kinds(lines: Iterable[LogLine]) -> set[tuple[str, str, str]]:
    """Name the kinds of these lines."""
    return {(line.event, _text(line, "error_type"), _VARIES.sub("#", _text(line, "message"))) for line in lines}


def _text(line: LogLine, name: str) -> str:
    return str(line.fields.get(name, ""))
