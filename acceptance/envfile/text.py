"""Find each key in the text of an env file, and edit its value. Pure.

python-dotenv's parser says what is a key, a value, a comment or a value over several lines, so that what
is written here is what `dotenv_values` reads. Everything else of the text is kept to the byte.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from io import StringIO

from dotenv.parser import parse_stream

BOM = "\ufeff"
_LINE_END = re.compile(r"\r\n|\n|\r")
_LAST_LINE_END = re.compile(r"(?:\r\n|\n|\r)?\Z")


@dataclass(frozen=True)
class Statement:
    """One assignment, comment or unreadable line.

    Attributes:
        key: The key; None for a comment, blank lines, or what cannot be read.
        value: The value; None when there is no `=`.
        line: Number of its first line, from 1.
        start: Offset of `text` in the file's text.
        text: From the first column to the end of the statement, without the line end.
        line_end: What follows: one of LF, CRLF, CR, or nothing at the end of the file.
        readable: False when python-dotenv cannot read it.
    """

    key: str | None
    value: str | None
    line: int
    start: int
    text: str
    line_end: str
    readable: bool

    @property
    def value_span(self) -> tuple[int, int]:
        """Offsets of the bare value within `text`, inside its quotes if it has some."""
        head = re.match(rf"\s*(?:export[^\S\r\n]+)?'?{re.escape(self.key or '')}'?[^\S\r\n]*=", self.text)
        if head is None or self.value is None:
            raise ValueError(f"line {self.line} assigns no value")
        at = head.end()
        if not self.value and self.quote == "":
            return at, at
        at += len(re.match(r"[^\S\r\n]*", self.text[at:])[0])  # type: ignore[index]
        if self.quote:
            closing = re.compile(rf"(?:\\.|[^{self.quote}\\])*", re.DOTALL).match(self.text, at + 1)
            return at + 1, closing.end() if closing else at + 1
        return at, at + len(self.value)

    @property
    def quote(self) -> str:
        """The quotation mark around the value, or nothing."""
        found = re.match(r"[^=]*=[^\S\r\n]*(['\"])", self.text)
        return found[1] if found else ""

    def with_value(self, value: str) -> str:
        """Return `text` with another value in the same place."""
        start, end = self.value_span
        return self.text[:start] + value + self.text[end:]


def statements(text: str) -> list[Statement]:
    """Split a file's text into statements, in order."""
    offset = len(BOM) if text.startswith(BOM) else 0
    line_starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
    found = []
    for binding in parse_stream(StringIO(text[offset:], newline="")):
        original = binding.original.string
        blank = re.match(r"\s*", original)[0]  # type: ignore[index]
        skip = max(blank.rfind("\n"), blank.rfind("\r")) + 1
        line_end = _LAST_LINE_END.search(original, skip)[0]  # type: ignore[index]
        start = offset + skip
        found.append(
            Statement(
                key=binding.key,
                value=binding.value,
                line=bisect_right(line_starts, start),
                start=start,
                text=original[skip : len(original) - len(line_end)],
                line_end=line_end,
                readable=not binding.error,
            )
        )
        offset += len(original)
    return found


def occurrences(text: str, *keys: str) -> list[Statement]:
    """Return the statements of these keys, in order."""
    return [statement for statement in statements(text) if statement.key in keys]


def naming(text: str, *keys: str) -> list[Statement]:
    """Return the lines that name one of these keys without setting it, as we read them; no comments.

    Another reader may: Compose takes `KEY: true`, a shell `declare -x KEY=true` and `OTHER=1 KEY=true`.
    """
    named = "|".join(map(re.escape, keys))
    name, behind = re.compile(rf"(?<!\w)(?:{named})(?!\w)"), re.compile(rf"\s(?:{named})\s*=")
    found = [s for s in statements(text) if s.key not in keys and not s.text.lstrip().startswith("#")]
    return [
        s
        for s in found
        if name.search(s.key or ("" if s.readable else s.text))
        or (s.readable and not s.quote and behind.search(s.text.partition(" #")[0].rstrip()))
    ]


def overruling(text: str, key: str) -> list[Statement]:
    """Return the lines behind the key's last plain one that name it and do not say false: they win for others."""
    last = max((s.start for s in occurrences(text, key)), default=-1)
    false = re.compile(rf"(?<!\w){re.escape(key)}['\"]?\s*[:=]\s*['\"]?false\b", re.IGNORECASE)
    return [s for s in naming(text, key) if s.start > last and not false.search(s.text)]


def replaced(text: str, edits: list[tuple[Statement, str | None]]) -> str:
    """Return `text` with the text of some statements replaced, or with None removed with its line end."""
    for statement, new in sorted(edits, key=lambda edit: -edit[0].start):
        end = statement.start + len(statement.text) + (len(statement.line_end) if new is None else 0)
        text = text[: statement.start] + (new or "") + text[end:]
    return text
