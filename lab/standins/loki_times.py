"""Times as Loki takes them: nanoseconds, seconds, RFC 3339. `1h` is none (contract, "Services", on logs)."""

import re
from collections.abc import Mapping
from datetime import datetime

from lab.standins.logql_parser import duration

NANOS = 1_000_000_000
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class ParameterError(ValueError):
    """Loki would answer 400 with this text."""


def moment(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Give the time in a parameter, in nanoseconds since 1970.

    Raises:
        ParameterError: it is neither a number nor RFC 3339.
    """
    text = parameters.get(name, "")
    if not text:
        return default
    if re.fullmatch(r"-?\d+\.\d*", text):
        return round(float(text) * 1000) * (NANOS // 1000)
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text) * (NANOS if len(text) <= 10 else 1)
    if _RFC3339.fullmatch(text):
        try:
            return nanos(datetime.fromisoformat(text.upper()))
        except ValueError:
            pass
    raise ParameterError(f"could not parse '{name}' parameter: strconv.ParseInt: parsing \"{text}\": invalid syntax")


def nanos(when: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond that a datetime has."""
    return int(when.timestamp()) * NANOS + when.microsecond * 1000


def bounds(parameters: Mapping[str, str], now: int) -> tuple[int, int]:
    """Start and end of a range query: the last hour unless `start`, `end` or `since` say otherwise.

    Raises:
        ParameterError: a time is none, or the end is not after the start.
    """
    since = 3600.0
    if text := parameters.get("since", ""):
        given = duration(text)
        if given is None:
            raise ParameterError(f"could not parse 'since' parameter: not a valid duration string: \"{text}\"")
        since = given
    end = moment(parameters, "end", now)
    start = moment(parameters, "start", min(end, now) - round(since * NANOS))
    if end <= start:
        raise ParameterError("end timestamp must not be before or equal to start time")
    return start, end


def step(parameters: Mapping[str, str], start: int, end: int) -> int:
    """Nanoseconds between two points of a metric range query.

    Raises:
        ParameterError: no duration, not positive, or more than 11,000 points.
    """
    text = parameters.get("step", "")
    seconds = max((end - start) // NANOS // 250, 1) if not text else _seconds(text)
    if seconds <= 0:
        raise ParameterError("zero or negative query resolution step widths are not accepted. Try a positive integer")
    if (end - start) / NANOS / seconds > 11_000:
        raise ParameterError(
            "exceeded maximum resolution of 11,000 points per time series. "
            "Try increasing the value of the step parameter"
        )
    return round(seconds * NANOS)


def _seconds(text: str) -> float:
    given = duration(text)
    if given is None:
        try:
            given = float(text)
        except ValueError:
            given = float("nan")
    if given != given or abs(given) > 1e9:
        raise ParameterError(f'cannot parse "{text}" to a valid duration')
    return given
