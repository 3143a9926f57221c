"""Read one log line of any declared form: its time, level, event, trace id and message."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from textwrap import dedent
from typing import Any, NamedTuple

from acceptance.observe.log_lines import TRACEBACK, LogLine, level_of
from acceptance.target.log_format import FIELDS, LogFormat, zone_of

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_SYSLOG = "%b %d %H:%M:%S"
_FORMS = (
    (r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d", "%m/%d/%y %H:%M:%S"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", "%Y/%m/%d %H:%M:%S"),
    (r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", "%d.%m.%Y %H:%M:%S"),
    (r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", _SYSLOG),
    (r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "%d/%b/%Y:%H:%M:%S %z"),
)
_EPOCH = re.compile(r"\d{10}(?:\d{3}){0,3}(?:\.\d+)?")
_FRACTION = re.compile(r":\d\d[.,]\d")
_SPACED_ZONE = re.compile(r"(?<=\d) (?=[+-]\d\d:?\d\d$|Z$)")
_TIME = re.compile("|".join([_ISO, *(pattern for pattern, _ in _FORMS)]))
_LEVEL = re.compile(
    r"\b(?!TRACE[ -]?ID\b)[A-Z]{3,9}\b(?!=)|(?<![\w./])(?<![A-Za-z]-)"
    r"(?:err|error|warn|warning|info|debug|crit|critical|fatal|panic|emerg|alert)(?![\w/=]|[.-]\w)"
)
"""A word in small letters that is part of a name, such as `uvicorn.error` or `/api/info`, is no level."""
_FIRST_WORD = re.compile(r"\W?([A-Za-z]{3,9})[^\w/]")
_HEAD = 60
"""Within so many characters a text line says when it was written and how bad it is."""
_RICH = re.compile(r"(?:\[(?P<time>[^\]]{8,40})\]| {8,40}) *(?P<level>[A-Z]{4,8}) +(?P<message>\S.*)")
_RICH_SOURCE = re.compile(r" {2,}\S+:\d+$")
_LOGFMT = re.compile(r'([\w.@-]+)=("(?:[^"\\]|\\.)*"|\S*)')
_OTHER = {
    "time": ("time", "ts", "@timestamp", "asctime", "datetime", "date", "t"),
    "level": (
        "severity",
        "levelname",
        "severitytext",
        "lvl",
        "loglevel",
        "log.level",
        "levelno",
        "levelvalue",
        "priority",
    ),
    "event": (),
    "trace": ("traceId", "trace.id"),
}
_MESSAGE = ("message", "msg", "log", "text", "MESSAGE", "event")
EPOCH_SECONDS = 1e11
"""A number above is one of milliseconds, or of a finer unit."""
_YEARS = range(2001, 2200)
"""A time outside is none: a clock that was never set, a zero value, the seconds since a start, "for ever"."""


class Head(NamedTuple):
    """The start of a text line: its time, its level, and what comes after."""

    at: datetime | None
    exact: timedelta
    level: str
    groups: Mapping[str, str]


def fields_of(text: str, kind: str) -> dict[str, Any] | None:
    """Read a line that has fields; None when it is none."""
    if text.startswith("{"):
        try:
            found = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None
    if kind != "logfmt":
        return None
    pairs = {name: _unquoted(value) for name, value in _LOGFMT.findall(text)}
    return pairs if len(pairs) > 1 else None


def line_of_fields(fields: dict[str, Any], text: str, form: LogFormat) -> LogLine:
    """Make a log line from an object's fields."""
    at, exact = moment_of(_named(fields, "time", form), zone_of(form.zone))
    level = level_of(_named(fields, "level", form), form.fields["numbers"])
    message = next((fields[name] for name in _MESSAGE if fields.get(name)), "")
    event, trace = (str(_named(fields, name, form)) for name in ("event", "trace"))
    return LogLine(at, form.event_of(event), level, trace, {**fields, "message": message}, text, exact=exact)


def line_of_text(head: Head | None, text: str, *, wrapped: bool = False) -> LogLine:
    """Make a log line from a text entry; a wrapped message is joined again."""
    first, _, more = text.partition("\n")
    if wrapped:
        more = dedent(more)
        text = f"{first}\n{more}".rstrip()
    if head is None:
        return LogLine(None, "", "", "", {"message": text}, text)
    groups = head.groups
    message = groups.get("message") or first
    if wrapped:
        said, trace, rest = more.partition(TRACEBACK)
        message, more = " ".join([message, *said.split()]), trace + rest
    # The time stands in `at`: as a text it is in no known form, and Rich leaves a repeated one out.
    fields = {name: value for name, value in groups.items() if name != "time"}
    fields |= {"message": "\n".join(filter(None, [message, more]))}
    return LogLine(
        head.at, groups.get("event", ""), head.level, groups.get("trace", ""), fields, text, exact=head.exact
    )


def head_of(text: str, form: LogFormat) -> Head | None:
    """Read the start of a text line; None when it does not begin an entry.

    A time without a zone is believed only where the target file says that the log is text, and so what its zone is.
    """
    zone = zone_of(form.zone) if form.kind in ("text", "rich") else None
    declared = form.pattern or (_RICH if form.kind == "rich" else None)
    if declared and (found := re.match(declared, text)):
        groups = {name: value for name, value in found.groupdict().items() if value}
        if level := level_of(groups["level"], form.fields["numbers"]):
            if "message" in groups:
                groups["message"] = _RICH_SOURCE.sub("", groups["message"])
            return Head(*moment_of(groups.get("time", ""), zone), level, groups)
    if (stated := _TIME.search(text, 0, _HEAD)) and stated.start() <= 2:
        at, exact = moment_of(stated[0], zone)
        for word in _LEVEL.finditer(text, stated.end(), stated.end() + _HEAD):
            if level := level_of(word[0]):
                return Head(at, exact, level, {"message": text[word.end() :].lstrip(" -:|])")})
        return Head(at, exact, "", {"message": text[stated.end() :].lstrip(" -:|])")})
    first = _FIRST_WORD.match(text)
    level = level_of(first[1]) if first else ""
    return Head(None, timedelta(0), level, {}) if level else None


def moment_of(stated: object, zone: tzinfo | None) -> tuple[datetime | None, timedelta]:
    """Read a time, aware, and how much later the true one may be; None without a time or a known zone.

    None too in the hour that comes twice at the end of summer time: which of the two it is, the line does not say.
    """
    at, exact = _moment_of(stated, zone)
    return (at if at and at.year in _YEARS else None), exact


def _moment_of(stated: object, zone: tzinfo | None) -> tuple[datetime | None, timedelta]:
    if isinstance(stated, int | float) and not isinstance(stated, bool):
        return _of_epoch(stated), timedelta(0)
    text = str(stated).strip()
    if _EPOCH.fullmatch(text):
        return _of_epoch(float(text)), timedelta(0)
    at = _read(text)
    if at and not at.tzinfo:
        at = at.replace(tzinfo=zone) if zone else None
        if at and at.utcoffset() != at.replace(fold=1).utcoffset():  # guard: hour-that-comes-twice
            at = None
    return at, timedelta(0) if _FRACTION.search(text) else timedelta(seconds=1)


def _read(text: str) -> datetime | None:
    for iso in (text, _SPACED_ZONE.sub("", text)):
        try:
            return datetime.fromisoformat(iso)
        except ValueError:
            pass
    for pattern, form in _FORMS:
        if re.fullmatch(pattern, text):
            try:
                return _of_syslog(text) if form is _SYSLOG else datetime.strptime(text, form)  # noqa: DTZ007 - see caller
            except ValueError:
                return None
    return None


def _of_syslog(text: str) -> datetime:
    """Read a time that names no year: the latest such one that is at most a day ahead, for zones differ."""
    latest = datetime.now() + timedelta(days=1)  # noqa: DTZ005 - the caller knows the zone
    at = datetime.strptime(f"{latest.year} {text}", f"%Y {_SYSLOG}")  # noqa: DTZ007
    return at if at <= latest else at.replace(year=latest.year - 1)


def _of_epoch(value: float) -> datetime | None:
    try:
        thousands = next((power for power in range(4) if abs(value) <= EPOCH_SECONDS * 1000**power), 0)
        return datetime.fromtimestamp(value / 1000**thousands, UTC)
    except (ValueError, OSError, OverflowError):
        return None


def _named(fields: Mapping[str, Any], name: str, form: LogFormat) -> Any:
    """Give the value of a field by what the target file calls it, or by one of its usual names."""
    for each in (form.fields[name], *_OTHER[name]):
        if fields.get(each) not in (None, ""):
            return fields[each]
        outer, _, inner = each.partition(".")
        if inner and isinstance(fields.get(outer), Mapping) and inner in fields[outer]:
            return fields[outer][inner]
    if name in ("time", "level"):  # Level, level_name, LogLevel
        found = {re.sub("[_@]", "", str(key)).lower(): value for key, value in fields.items()}
        return next(
            (found[each] for each in _OTHER[name] + (name, FIELDS[name]) if found.get(each) not in (None, "")), ""
        )
    return ""


def has_time(fields: Mapping[str, Any], form: LogFormat) -> bool:
    """Tell whether an object has a time, as one has that is an entry and not a part of one."""
    return bool(_named(fields, "time", form))


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value
