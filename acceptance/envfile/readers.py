"""Tell how each program that may read an env file reads one of its lines. Pure.

Which of them a service uses is not known here, so a line is plain only if all of them agree. `docs/env-file.md` says
which of this was tried with the real program and which was read in its documentation.
"""

from __future__ import annotations

import re

from acceptance.envfile.text import Statement

ABSENT = "nothing"
"""The line sets no variable of that name."""
REFUSED = "an error, for the whole file"
_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\;&|<>()]|[^\S \t\r\n])*"""
_SHELL = re.compile(rf"[ \t]*(?:export[ \t]+)?(?P<key>\w+)=(?P<word>{_WORD})(?:[ \t]+#.*|[ \t]*)", re.DOTALL)
_COMPOSE = re.compile(r"\s*(?:export)?\s*(?P<key>[\w.\[\]-]+)\s*[=:]\s*(?P<value>.*)", re.DOTALL)
_BLANK = " \t\r\n"
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_OPENS = re.compile(r"#[^\n]*|\\.|'[^']*'?|\"(?:\\.|[^\"\\])*\"?|[^\s\\'\"]|\s+", re.DOTALL)


def readings(statement: Statement) -> dict[str, str]:
    """Give what each reader takes for the value of a statement's key."""
    key, text = statement.key or "", statement.text
    return {
        "a shell": shell(key, text),
        "Compose": compose(key, text),
        "systemd": systemd(key, text),
        "docker run --env-file": docker_run(key, text),
        "python-dotenv": statement.value if statement.value is not None else ABSENT,
    }


def shell(key: str, text: str) -> str:
    """Read a line as `. FILE` does: with more words after the value it would run them as a command."""
    found = _SHELL.fullmatch(text)
    if not found or found["key"] != key:
        return ABSENT
    return re.sub(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)""", r"\1\2\3", found["word"])


def compose(key: str, text: str) -> str:
    """Read a line as Compose's `env_file:` does: a comment needs a space before it, and a quoted key is an error."""
    found = _COMPOSE.fullmatch(text)
    if not found:
        return REFUSED
    if found["key"] != key:
        return ABSENT
    value = found["value"]
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].rstrip()


def systemd(key: str, text: str) -> str:
    """Read a line as a unit's `EnvironmentFile=` does: it knows no `export`, and no comment behind a value."""
    name, _, rest = text.partition("=")
    if name.strip(_BLANK) != key:
        return ABSENT
    value, rest = "", rest.lstrip(_BLANK)
    while quoted := _QUOTED.match(rest):
        value, rest = value + quoted[0][1:-1], rest[quoted.end() :].lstrip(_BLANK)
    return value + re.sub(r"\\(.)", r"\1", rest.rstrip(_BLANK), flags=re.DOTALL)


def docker_run(key: str, text: str) -> str:
    """Read a line as `docker run --env-file` does: all behind the first `=`, quotes and comments too."""
    name, _, value = text.lstrip().partition("=")
    if re.search(r"[ \t]", name):
        return REFUSED
    return value if name == key else ABSENT


def is_continued(text: str, before: int) -> bool:
    """Tell whether the line that ends at offset `before` goes on in the next, for a backslash is its last character."""
    line = text[:before].removesuffix("\n").rpartition("\n")[2]
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def open_quote(text: str, before: int) -> int | None:
    """Give the offset of a quotation mark in `text` that a shell takes to reach over offset `before`, or None."""
    at, word_begins = 0, True
    while at < before:
        comment = text[at] == "#" and word_begins
        piece = _OPENS.match(text, at) if comment or text[at] != "#" else None
        end = piece.end() if piece else at + 1
        if text[at] in "'\"" and end > before:
            return at
        word_begins = text[at].isspace()
        at = end
    return None
