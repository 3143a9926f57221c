"""Join a log's lines to entries, and place in time those without one.

A traceback, a JSON object over several lines and a message that was wrapped at 80 columns are one entry each. An entry
without a time of its own lies between its neighbours, and says nothing of any other line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from acceptance.observe.log_formats import (
    Head,
    fields_of,
    has_time,
    head_of,
    level_in,
    line_of_fields,
    line_of_text,
    moment_of,
    own_time_in,
)
from acceptance.observe.log_lines import TRACEBACK, WARNINGS, LogLine, level_of, plain, reads_like_trouble
from acceptance.target.log_format import LogFormat

_CHAINED = ("During handling of the above exception", "The above exception was the direct cause", "Caused by: ")
_RAISED = re.compile(r"(?:[\w$]+\.)+[\w$]*(?:Error|Exception)\b")
"""How a trace begins in Java and .NET, behind the line that was logged."""
_CRI = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\S+) (?P<stream>stdout|stderr) (?P<tag>[FP]) ?(?P<log>.*)")
_MAY_WRAP = re.compile(r'"stream"\s*:|"(?:message|log|msg|MESSAGE)"\s*:\s*"\s*\{')
_DOCKER = {"stream", "time", "attrs"}
_DOCKER_PIECE = 16 << 10
"""Docker parts a line into pieces of so many bytes, of which only the last has a line end."""
_PRIORITY = re.compile(r"<(\d{1,3})>(?:1 )?(?=\S)")
"""What syslog and systemd read a line's level from, as the remainder of 8."""
_GROUP = "+ Exception Group Traceback"
_MOST_LINES = 400
_GOES_BACK = timedelta(minutes=10)
"""A line that is so much older than the one before it has the time of another clock or zone."""
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Raw:
    """One line as it was read, with the time and the level that the transport gives (Docker, journald, Loki)."""

    text: str
    at: datetime | None = None
    level: str = ""


class _Line(NamedTuple):
    """A line as it was read, and what it holds: fields, or the head of a text entry, or neither."""

    raw: Raw
    text: str
    fields: dict[str, Any] | None
    head: Head | None

    @property
    def begins(self) -> bool:
        """Whether it begins an entry."""
        return self.fields is not None or self.head is not None


def entries(raws: Iterable[Raw], form: LogFormat, ended: datetime | None = None) -> list[LogLine]:
    """Join lines to entries and place those that have no time of their own.

    Args:
        raws: The lines in the order in which they were written.
        form: What the target file says of them.
        ended: When the newest was written at the latest, where that is known.
    """
    lines: list[LogLine] = []
    for block in _blocks(raws, form):
        line = _entry(block, form)
        if line.at is None and form.kind == "rich" and line.level and lines and lines[-1].at:
            line = replace(line, at=lines[-1].at, exact=lines[-1].exact)  # Rich leaves a repeated time out
        lines.append(line)
    return _placed(lines, ended)


def _blocks(raws: Iterable[Raw], form: LogFormat) -> Iterator[list[_Line]]:
    block: list[_Line] = []
    for raw in chain.from_iterable(map(_parted, _unwrapped(raws, form))):
        line = _read(raw, form)
        if block and len(block) < _MOST_LINES and _continues(block, line, form):
            block.append(line)
        elif line.text.strip():
            if block:
                yield block
            block = [line]
    if block:
        yield block


def _unwrapped(raws: Iterable[Raw], form: LogFormat) -> Iterator[Raw]:
    """Give what a container wrote for the line that its runtime or a collector made of it, with that line's time.

    A long line comes in pieces, perhaps with those of the other output between them.
    """
    pieces: dict[str, Raw] = {}
    for raw in raws:
        if not (found := _wrapped(raw.text.rstrip("\n"), form)):
            yield raw
            continue
        before = pieces.pop(found.stream, Raw("", raw.at or found.at, raw.level))
        line = replace(before, text=before.text + found.text)
        if found.whole:
            yield replace(line, text=line.text.rstrip("\r\n"))
        else:
            pieces[found.stream] = line
    yield from pieces.values()


class _Wrapped(NamedTuple):
    text: str
    at: datetime | None
    stream: str = ""
    whole: bool = True


def _wrapped(text: str, form: LogFormat) -> _Wrapped | None:
    """Read a line that wraps another one; one that states a level itself is read as it stands."""
    if found := _CRI.fullmatch(text):
        at = moment_of(found["time"], None)[0]
        return _Wrapped(found["log"], at, found["stream"], found["tag"] == "F") if at else None
    if not text.startswith("{") or not _MAY_WRAP.search(text):
        return None
    fields = fields_of(text, "json") or {}
    names = ("log", "message", "MESSAGE", "msg")
    name = next((name for name in names if isinstance(fields.get(name), str)), "")
    if not name or any(level_in(fields, form)):
        return None
    inner, at, stream = fields.pop(name), own_time_in(fields, form), fields.get("stream")
    if stream not in ("stdout", "stderr"):
        more = fields_of(inner.strip(), "json") or {}
        return _Wrapped(json.dumps(fields | more, ensure_ascii=False), None) if any(level_in(more, form)) else None
    if not at:
        return None
    by_docker = fields.keys() <= _DOCKER and len(inner.encode()) >= _DOCKER_PIECE
    piece = not inner.endswith("\n") if by_docker else "P" in (fields.get("_p"), fields.get("logtag"))
    return _Wrapped(inner, at, stream, not piece)


def _parted(raw: Raw) -> Iterator[Raw]:
    """Split a line that several processes wrote at once: an object, and what follows before the line's end."""
    text, begin = raw.text.rstrip(), 0
    if text.startswith("{") and ("}{" in text or not text.endswith("}")):
        with suppress(ValueError, RecursionError):
            while text.startswith("{", begin):
                _, end = _DECODER.raw_decode(text, begin)
                if end == len(text):
                    break
                yield replace(raw, text=text[begin:end])
                begin = end
    yield replace(raw, text=text[begin:]) if begin else raw


def _read(raw: Raw, form: LogFormat) -> _Line:
    text = plain(raw.text)
    if prefix := _PRIORITY.match(text):
        raw, text = replace(raw, level=level_of(int(prefix[1]) % 8, "syslog")), text[prefix.end() :]
    fields = fields_of(text, form.kind)
    if (
        fields is None
        and text[:1].isspace()
        and (inner := fields_of(text.strip(), form.kind))
        and has_time(inner, form)
    ):
        fields = inner  # an object that is set in, and not a part of one over several lines
    head = head_of(text, form) if fields is None else None
    return _Line(raw, text, fields, head or (Head(None, timedelta(0), "", {}) if prefix and fields is None else None))


def _continues(block: list[_Line], line: _Line, form: LogFormat) -> bool:
    """Tell whether a line belongs to the entry before it."""
    first, last, text = block[0], block[-1].text, line.text
    if line.begins:
        return False
    if first.text.startswith("{") and first.fields is None and _joined(block, form) is None:
        return True
    begins_trace = text.startswith(TRACEBACK) or text.lstrip().startswith(_GROUP)
    if not begins_trace and (not text.strip() or text[0] in " \t" or text.startswith(_CHAINED)):
        return True
    if begins_trace:
        logged = first.head.level if first.head else ""
        return last.startswith(_CHAINED) or not last or logged not in ("", "INFO", "DEBUG")
    if any(each.text.lstrip().startswith(TRACEBACK) for each in block):
        return last[:1] in (" ", "\t") or last.startswith(TRACEBACK)
    if _RAISED.match(text):
        return first.head is not None and first.head.level in WARNINGS
    return form.kind in ("text", "rich") and not reads_like_trouble(text) and first.head is not None


def _joined(block: list[_Line], form: LogFormat) -> dict[str, Any] | None:
    return fields_of("".join(each.text for each in block), form.kind)


def _entry(block: list[_Line], form: LogFormat) -> LogLine:
    first, text = block[0], "\n".join(each.text for each in block).rstrip()
    fields = _joined(block, form) if first.text.startswith("{") and first.fields is None else first.fields
    if fields is None:
        line = line_of_text(first.head, text, wrapped=form.kind == "rich")
    else:
        line = line_of_fields(fields, text, form)
    if first.raw.at:  # the transport's time is one clock's, and names its zone
        line = replace(line, at=first.raw.at, exact=timedelta(0))
    return line if line.level or not first.raw.level else replace(line, level=first.raw.level)


def _placed(lines: list[LogLine], ended: datetime | None) -> list[LogLine]:
    """Bound the time of each line without one by its neighbours; trouble by another clock stays without a time."""
    after: datetime | None = None
    found = []
    for line in lines:
        if line.at is None:
            found.append(replace(line, after=after))
            continue
        other_clock = after is not None and line.at < after - _GOES_BACK and line.is_warning
        found.append(replace(line, at=None) if other_clock else line)
        after = line.at
    before = ended
    for number in range(len(found) - 1, -1, -1):
        line = found[number]
        if line.at is None:
            found[number] = replace(line, before=before)
        else:
            before = line.at + line.exact
    return found
