"""Hold what was seen of one request, all of it together, so that it can be compared with another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from acceptance.observe.moments import moment

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far another host's clock may be off."""

Pair = tuple[str, str]


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
