"""Read one log line of any declared form: its time, level, event, trace id and message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from textwrap import dedent
from typing import Any, NamedTuple

from acceptance.observe.log_lines import TRACEBACK, WARNINGS, LogLine, level_of, plain, read_level, without_request
from acceptance.target.log_format import FIELDS, LogFormat, zone_of

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ISO = rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_WORD = "[A-Z][a-z]{2}"
_ACCESS = rf"\d\d/{_WORD}/\d{{4}}:{_CLOCK} [+-]\d{{4}}"
_FORMS = (
    (rf"\d\d/\d\d/\d\d {_CLOCK}", "%m/%d/%y %H:%M:%S"),
    (rf"\d{{4}}/\d\d/\d\d {_CLOCK}", "%Y/%m/%d %H:%M:%S"),
    (rf"\d\d\.\d\d\.\d{{4}} {_CLOCK}", "%d.%m.%Y %H:%M:%S"),
    (rf"\d\d {_WORD} \d{{4}} {_CLOCK}", "%d %b %Y %H:%M:%S"),
    (rf"{_WORD} {_WORD} [ \d]\d {_CLOCK} \d{{4}}", "%a %b %d %H:%M:%S %Y"),
    (rf"{_WORD} [ \d]\d {_CLOCK}", "%b %d %H:%M:%S"),
    (rf"\d{{8}} {_CLOCK}", "%Y%m%d %H:%M:%S"),
    (rf"\d{{4}} {_CLOCK}", "%m%d %H:%M:%S"),
    (_ACCESS, "%d/%b/%Y:%H:%M:%S %z"),
)
_EPOCH = re.compile(r"\d{10}(?:\d{3}){0,3}(?:\.\d+)?")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")
_SPACED_ZONE = re.compile(r"(?<=\d) (?=[+-]\d\d:?\d\d$|Z$)")
_TIMES = "|".join([_ISO, *(pattern for pattern, _ in _FORMS), _CLOCK])
_START = re.compile(rf"(?:(?P<letter>[A-Z])(?:, \[)?|.{{0,2}}?)(?P<time>{_TIMES})|\S+ \S+ \S+ \[(?P<access>{_ACCESS})")
"""How a text line with a time begins: by it, by a letter for its level, or, in a web server's log, by who asked."""
_LEVEL = re.compile(
    r"\b(?!TRACE[ -]?ID\b)[A-Z]{3,9}\b(?!=)|(?<![\w./])(?<![A-Za-z]-)"
    r"(?:err|error|warn|warning|info|notice|debug|crit|critical|fatal|panic|emerg|alert)(?![\w/=]|[.-]\w)"
)
"""A word in small letters that is part of a name, such as `uvicorn.error` or `/api/info`, is no level."""
_FIRST_WORD = re.compile(r"\W?([A-Za-z]{3,9})([^\w/])")
_HEAD = 60
"""Within so many characters a text line says when it was written and how bad it is."""
_RICH = re.compile(r"(?:\[(?P<time>[^\]]{8,40})\]| {8,40}) *(?P<level>[A-Z]{4,8}) +(?P<message>\S.*)")
_RICH_SOURCE = re.compile(r" {2,}\S+:\d+$")
_LOGFMT = re.compile(r'([\w.@-]+)=("(?:[^"\\]|\\.)*"|\S*)')
_OTHER = {
    "time": ("time", "ts", "@timestamp", "asctime", "datetime", "date", "t"),
    "level": ("severity", "levelname", "severitytext", "lvl", "loglevel", "log.level", "l"),
    "event": (),
    "trace": ("traceId", "trace.id"),
    "message": ("msg", "log", "text", "MESSAGE", "event", "shortmessage", "messagetemplate", "mt", "m", "body"),
}
_SCHEMES = {"levelno": "python", "levelvalue": "logback", "priority": "syslog", "severitynumber": "otel"}
"""Fields whose name says what the level in them means, though it is a number."""
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
    figure: str = ""


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
    stated, message, event, trace = (_named(fields, name, form) for name in ("time", "message", "event", "trace"))
    at, exact = moment_of(stated, zone_of(form.zone))
    level, figure = level_in(fields, form)
    said = {**fields, "message": message}
    return LogLine(at, form.event_of(str(event)), level, str(trace), said, text, exact=exact, figure=figure)


def level_in(fields: Mapping[str, Any], form: LogFormat) -> tuple[str, str]:
    """Give an object's level, and what it states where that is a number of no scheme, or of several."""
    level = figure = ""
    for name, value in _stated(fields, "level", form):
        meant, unsure = _level_of(value, form, _SCHEMES.get(name, ""))
        unsure = "" if name == "l" and unsure.isalpha() else unsure  # it may be a language
        if meant and not unsure:
            return meant, ""
        level, figure = level or meant, figure or ("" if name in _SCHEMES else unsure)
    if not figure and "@t" in fields and "@l" not in fields:  # Serilog leaves Information out
        level = "INFO"
    return level, figure


def _level_of(value: object, form: LogFormat, scheme: str = "") -> tuple[str, str]:
    """Read a level in the target file's own words, else in the usual ones."""
    own = form.words.get(plain(str(value)).strip().lower(), "") if form.words else ""
    return (own, "") if own else read_level(value, scheme or form.fields["numbers"])


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
    event, trace = groups.get("event", ""), groups.get("trace", "")
    return LogLine(head.at, event, head.level, trace, fields, text, exact=head.exact, figure=head.figure)


def head_of(text: str, form: LogFormat) -> Head | None:
    """Read the start of a text line; None when it does not begin an entry.

    A time without a zone is believed only where the target file says that the log is text, and so what its zone is.
    """
    zone = zone_of(form.zone) if form.kind in ("text", "rich") else None
    declared = form.pattern or (_RICH if form.kind == "rich" else None)
    if declared and (found := re.match(declared, text)):
        groups = {name: value for name, value in found.groupdict().items() if value}
        level, figure = _level_of(groups["level"], form)
        # What goes on with a word in its place has no time in its place too.
        if level or (
            figure and (not figure[:1].isalpha() or (form.pattern and moment_of(groups.get("time"), zone)[0]))
        ):
            if "message" in groups:
                groups["message"] = _RICH_SOURCE.sub("", groups["message"])
            return Head(*moment_of(groups.get("time", ""), zone), level, groups, figure)
    if stated := _START.match(text):
        at, exact = moment_of(stated["time"] or stated["access"], zone)
        level, end = level_of(stated["letter"] or ""), stated.end()
        if not level:
            words = _LEVEL.finditer(without_request(text), end, end + _HEAD)
            level, end = next(
                ((said, word.end()) for word in words if (said := _level_of(word[0], form)[0])), ("", end)
            )
        return Head(at, exact, level, {"message": text[end:].lstrip(" -:|])")})
    first = _FIRST_WORD.match(text)
    level = level_of(first[1]) if first else ""
    # In a sentence a word such as "trace" is no level that would make what follows harmless.
    set_off = first and (first[1].isupper() or first[2] in ":]")
    return Head(None, timedelta(0), level, {}) if level in WARNINGS or (level and set_off) else None


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
            fraction = _FRACTION.search(text)
            try:
                at = _of_form(_FRACTION.sub("", text), form)
            except ValueError:
                return None
            return at + timedelta(seconds=float(f"0.{fraction[1]}")) if fraction else at
    return None


def _of_form(text: str, form: str) -> datetime:
    """Read a time; of one that names no year the latest such one that is at most a day ahead, for zones differ."""
    if "%y" in form.lower():
        return datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
    latest = datetime.now() + timedelta(days=1)  # noqa: DTZ005
    at = datetime.strptime(f"{latest.year} {text}", f"%Y {form}")  # noqa: DTZ007
    return at if at <= latest else at.replace(year=latest.year - 1)


def _of_epoch(value: float) -> datetime | None:
    try:
        thousands = next((power for power in range(4) if abs(value) <= EPOCH_SECONDS * 1000**power), 0)
        return datetime.fromtimestamp(value / 1000**thousands, UTC)
    except (ValueError, OSError, OverflowError):
        return None


def _stated(fields: Mapping[str, Any], name: str, form: LogFormat) -> Iterator[tuple[str, Any]]:
    """Give the values of a field by what the target file calls it, and by each of its usual names."""
    for each in (form.fields.get(name, name), *_OTHER[name]):
        outer, _, inner = each.partition(".")
        within = fields.get(outer) if inner else None
        value = within[inner] if isinstance(within, Mapping) and inner in within else fields.get(each)
        if value not in (None, ""):
            yield each, value
    if name in ("time", "level", "message"):  # Level, level_name, LogLevel, @mt
        found = {re.sub("[_@]", "", str(key)).lower(): value for key, value in fields.items()}
        for each in (*_OTHER[name], name, *(_SCHEMES if name == "level" else (FIELDS.get(name, ""),))):
            if found.get(each) not in (None, ""):
                yield each, found[each]


def _named(fields: Mapping[str, Any], name: str, form: LogFormat) -> Any:
    return next((value for _, value in _stated(fields, name, form)), "")


def has_time(fields: Mapping[str, Any], form: LogFormat) -> bool:
    """Tell whether an object has a time, as one has that is an entry and not a part of one."""
    return bool(_named(fields, "time", form))


def own_time_in(fields: Mapping[str, Any], form: LogFormat) -> datetime | None:
    """Give an object's time where that names its zone."""
    return moment_of(_named(fields, "time", form), None)[0]


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value
