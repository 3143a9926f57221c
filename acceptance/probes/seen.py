"""Hold what was seen of one request, all of it together, so that it can be compared with another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far another host's clock may be off."""

Pair = tuple[str, str]


_NUMBER = re.compile(r"\d{10,}(\.\d+)?")
EPOCH = 1e9, 4e9
"""Between these lie the seconds since 1970 of any time that we meet (2001 to 2096)."""


def moment(value: object) -> datetime | None:
    """Read a stored or answered time, aware; None for anything else.

    It is a time, ISO text, an HTTP date as Flask writes it, MongoDB's own JSON (`$date`), or a number, perhaps as text,
    of seconds since 1970 or of a finer unit. MongoDB gives UTC without a zone.
    """
    if isinstance(value, Mapping):
        return moment(value["$date"]) if set(value) == {"$date"} else None
    if isinstance(value, str):
        value = _time_in(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        finer = next((unit for unit in (1, 1e3, 1e6, 1e9) if EPOCH[0] < value / unit < EPOCH[1]), None)
        return datetime.fromtimestamp(value / finer, UTC) if finer else None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _time_in(text: str) -> float | datetime | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    for read in (datetime.fromisoformat, parsedate_to_datetime) if len(text) >= len("2025-11-15T02:00") else ():
        with suppress(ValueError):
            return read(text)
    return None


@dataclass(frozen=True)
class Seen:
    """What was seen of one request.

    Attributes:
        parts: What was sent, answered, stored and logged, by name.
        sent: When the request was sent, aware.
        at: When this was looked at.
        repeated: Of what there is more than one.
    """

    parts: Mapping[str, Any]
    sent: datetime
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    repeated: frozenset[str] = frozenset()

    @cached_property
    def values(self) -> Mapping[str, list[Any]]:
        """The values at each path, none of them null; those within a list are at one path."""
        found: dict[str, list[Any]] = {}
        for path, value in _leaves(self.parts, ""):
            found.setdefault(path, []).append(value)
        return found

    @cached_property
    def single(self) -> Mapping[str, Any]:
        """The value of each path that has one."""
        return {path: values[0] for path, values in self.values.items() if len(values) == 1}

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The fields of each part that are not null, whatever they hold."""
        parts = ((name, part) for name, part in self.parts.items() if isinstance(part, Mapping))
        return {f"{name}.{key}": value for name, part in parts for key, value in part.items() if value is not None}

    def in_time(self, path: str) -> bool:
        """Tell whether each value at a path is a time from the request until it was looked at."""
        times = [moment(value) for value in self.values.get(path, ())]
        begin, end = self.sent - CLOCKS_DIFFER, self.at + CLOCKS_DIFFER
        return bool(times) and all(time is not None and begin <= time <= end for time in times)

    def in_order(self, pair: Pair) -> bool | None:
        """Tell whether the first of two times is not after the second; None where either is missing."""
        first, second = (moment(self.single.get(path)) for path in pair)
        return first <= second if first and second else None


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _leaves(member, f"{path}[]")
    elif value is not None:
        yield path, value
