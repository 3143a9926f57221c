"""From the lines of a log to its entries: what belongs together is joined, and what has no time is placed.

A traceback, a JSON object over several lines and a message that was wrapped at 80 columns are one entry each. An entry
without a time of its own lies between its neighbours, and says nothing of any other line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from acceptance.observe.log_formats import fields_of, head_of, line_of_fields, line_of_text
from acceptance.observe.log_lines import TRACEBACK, LogLine, plain, reads_like_trouble
from acceptance.target.log_format import LogFormat

_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_MOST_LINES = 400


@dataclass(frozen=True)
class Raw:
    """One line as it was read, with the time and the level that the transport gives (Docker, journald, Loki)."""

    text: str
    at: datetime | None = None
    level: str = ""


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


def _blocks(raws: Iterable[Raw], form: LogFormat) -> Iterator[list[Raw]]:
    block: list[Raw] = []
    for each in raws:
        raw = replace(each, text=plain(each.text))
        if block and len(block) < _MOST_LINES and _continues(block, raw.text, form):
            block.append(raw)
        elif raw.text.strip():
            if block:
                yield block
            block = [raw]
    if block:
        yield block


def _continues(block: list[Raw], text: str, form: LogFormat) -> bool:
    """Whether a line belongs to the entry before it."""
    first, last = block[0].text, block[-1].text
    if first.startswith("{") and fields_of("".join(raw.text for raw in block), form.kind) is None:
        return fields_of(text, form.kind) is None and head_of(text, form) is None
    if fields_of(text, form.kind) is not None or head_of(text, form) is not None:
        return False
    in_traceback = any(raw.text.lstrip().startswith(TRACEBACK) for raw in block)
    if not text.strip() or text[0] in " \t" or text.startswith(_CHAINED):
        return True
    if text.startswith(TRACEBACK):
        logged = head_of(first, form)
        return last.startswith(_CHAINED) or not last or bool(logged and logged.level not in ("", "INFO", "DEBUG"))
    if in_traceback:
        return last[:1] in (" ", "\t") or last.startswith(TRACEBACK)
    return form.kind in ("text", "rich") and not reads_like_trouble(text) and head_of(first, form) is not None


def _entry(block: list[Raw], form: LogFormat) -> LogLine:
    text = "\n".join(raw.text for raw in block).rstrip()
    fields = fields_of("".join(raw.text for raw in block), form.kind)
    if fields is not None:
        line = line_of_fields(fields, text, form)
    else:
        line = line_of_text(head_of(block[0].text, form), text)
    if block[0].at:  # the transport's time is one clock's, and names its zone
        line = replace(line, at=block[0].at, exact=timedelta(0))
    return replace(line, level=line.level or block[0].level)


def _placed(lines: list[LogLine], ended: datetime | None) -> list[LogLine]:
    """Say of each line without a time between which times it was written."""
    after: datetime | None = None
    found = []
    for line in lines:
        found.append(line if line.at else replace(line, after=after))
        after = line.at or after
    before = ended
    for number in range(len(found) - 1, -1, -1):
        line = found[number]
        if line.at is None:
            found[number] = replace(line, before=before)
        else:
            before = line.at + line.exact
    return found
