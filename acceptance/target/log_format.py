"""Describe how one service writes its log, as its target file declares it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache, cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from acceptance.target.shown import Public

LogKind = Literal["json", "logfmt", "text", "rich"]
FIELDS: Mapping[str, str] = {
    "time": "timestamp",
    "level": "level",
    "event": "event",
    "trace": "trace_id",
    "numbers": "",
}
_PYTHON = "DDDIIWWEEC"
NUMBERS: Mapping[str, tuple[int, int, str]] = {
    "syslog": (0, 1, "CCCEWIID"),
    "dotnet": (0, 1, "DDIWECI"),
    "python": (5, 5, _PYTHON),
    "pino": (5, 5, "DD" + _PYTHON),
    "logback": (5000, 5000, _PYTHON),
    "otel": (1, 1, "DDDDDDDDIIIIWWWWEEEECCCC"),
}
"""What levels in figures mean, by scheme: the first figure, the step to the next, and each level's first letter."""
LEVELS = ("level:critical", "level:error", "level:warning", "level:info", "level:debug")
"""What a target file calls the services' own words for a level by, with a bar between several."""
SHOWS = ("requests", "events")


@dataclass(frozen=True, repr=False)
class LogFormat(Public):
    """The form of a log.

    Attributes:
        kind: `json` and `logfmt` have fields; `text` has a time and a level in each first line; `rich` is text in the
            columns of Rich, wrapped, to the second, with the time left out where it is that of the line before.
        pattern: Regular expression of a text line with the groups `time` and `level`, and perhaps `message`, `event`
            and `trace`; empty for the usual forms.
        fields: What the fields are called: time, level, event, trace. `numbers` says what a level in figures means:
            one of `NUMBERS`, or empty where they are words; `level:error` is its own words for that level.
        zone: The time zone of times that name none, such as `UTC`, `Europe/Berlin` or `+01:00`.
        events: What it calls events, by the contract's names; empty for one that it does not log.
        shows: What the service logs: `requests` (each request leaves a line), `events` (lines name their event).
    """

    kind: LogKind = "json"
    pattern: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: FIELDS)
    zone: str = "UTC"
    shows: tuple[str, ...] = SHOWS
    events: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def words(self) -> dict[str, str]:
        """Give the contract's level by each word of its own for one."""
        own = [(name.partition(":")[2].upper(), text) for name, text in self.fields.items() if name in LEVELS]
        return {word.lower(): level for level, text in own for word in text.split("|")}

    def tells(self, event: str) -> bool:
        """Tell whether the target file says that the service logs this event."""
        return "events" in self.shows and self.events.get(event) != ""

    def event_of(self, theirs: str) -> str:
        """Give the contract's name of an event."""
        return next((name for name, its in self.events.items() if its == theirs and its), theirs)


def log_sources(text: str) -> list[str]:
    """Part the places of a service's log, one for each instance; a path or a command may hold spaces."""
    return re.split(r"\s+(?=(?:file|docker|journald|loki)://|command:)", text.strip()) if text.strip() else []


@cache
def zone_of(text: str) -> tzinfo:
    """Read a time zone.

    Raises:
        ValueError: There is none of that name.
    """
    if text == "UTC":
        return UTC
    if text[:1] in ("+", "-"):
        return datetime.fromisoformat(f"2000-01-01T00:00{text}").tzinfo or UTC
    return ZoneInfo(text)
