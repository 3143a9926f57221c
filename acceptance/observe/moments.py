"""Read times as services store and answer them, in any of their forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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


def placed(value: object) -> datetime | None:
    """Read a stored time that says which moment it is: a text without a zone may be hours off."""
    bare = _time_in(value) if isinstance(value, str) else None
    return None if isinstance(bare, datetime) and bare.tzinfo is None else moment(value)


def _time_in(text: str) -> float | datetime | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    for read in (datetime.fromisoformat, parsedate_to_datetime) if len(text) >= len("2025-11-15T02:00") else ():
        with suppress(ValueError):
            return read(text)
    return None
