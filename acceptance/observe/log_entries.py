"""Join a log's lines to entries, and place in time those without one.

A traceback, a JSON object over several lines and a message that was wrapped at 80 columns are one entry each. An entry
without a time of its own lies between its neighbours, and says nothing of any other line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from acceptance.observe.log_formats import Head, fields_of, has_time, head_of, line_of_fields, line_of_text
from acceptance.observe.log_lines import TRACEBACK, LogLine, plain, reads_like_trouble
from acceptance.target.log_format import LogFormat

_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
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
    for raw in chain.from_iterable(map(_parted, raws)):
        line = _read(raw, form)
        if block and len(block) < _MOST_LINES and _continues(block, line, form):
            block.append(line)
        elif line.text.strip():
            if block:
                yield block
            block = [line]
    if block:
        yield block


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
    fields = fields_of(text, form.kind)
    if (
        fields is None
        and text[:1].isspace()
        and (inner := fields_of(text.strip(), form.kind))
        and has_time(inner, form)
    ):
        fields = inner  # an object that is set in, and not a part of one over several lines
    return _Line(raw, text, fields, head_of(text, form) if fields is None else None)


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
