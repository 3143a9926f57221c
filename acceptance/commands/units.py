"""Read sizes and durations as the checklist writes them: `150MB`, `1h`."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta

_BYTES = {"": 1, "b": 1} | {
    prefix + unit: base**power for power, prefix in enumerate("kmgt", 1) for unit, base in (("b", 1000), ("ib", 1024))
}
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def size(text: str) -> int:
    """Read a size in bytes: `150MB` is 150,000,000, `100MiB` is 104,857,600, a bare number is bytes.

    Raises:
        ArgumentTypeError: It is no size above zero.
    """
    number = _read(text, _BYTES, "a size above 0, such as 150MB (10^6 bytes) or 100MiB (2^20)")
    return round(number)


def duration(text: str) -> timedelta:
    """Read a duration: `90s`, `30m`, `1h`, `2d`.

    Raises:
        ArgumentTypeError: It is no duration above zero, or its unit is missing.
    """
    expected = "a duration above 0 with its unit, such as 30m, 1h or 2d"
    try:
        return timedelta(seconds=_read(text, _SECONDS, expected))
    except OverflowError:
        raise ArgumentTypeError(f"expected {expected}, found {text!r}") from None


def _read(text: str, units: dict[str, int], expected: str) -> float:
    match = _QUANTITY.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None or not (value := float(match[1]) * factor) > 0:
        raise ArgumentTypeError(f"expected {expected}, found {text!r}")
    return value
