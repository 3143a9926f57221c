"""Look at an env file before anything is changed: what would refuse a flag change, and what would mislead.

Messages name the file, the key and the remedy, and never the value of another key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acceptance.envfile.atomic import owner_obstacle
from acceptance.envfile.text import BOM, Statement, statements


@dataclass(frozen=True)
class Finding:
    """One thing to correct or to know.

    Attributes:
        severity: `refuse` when the suite must not touch the file as it is; `warn` otherwise.
        key: The flag concerned, or nothing for the file as a whole.
        line: Its line, from 1; None for the file as a whole.
        message: File, key, what was found and expected, and the remedy.
    """

    severity: Literal["refuse", "warn"]
    key: str
    line: int | None
    message: str


def diagnose(path: Path, keys: Iterable[str]) -> list[Finding]:
    """Return everything to correct or to know before one of these flags is changed; refusals first."""
    try:
        real = path.resolve(strict=True)
        text = real.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return [_file("refuse", path, "no such file; correct ENV_FILE in the target file, or create the file")]
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        return [_file("refuse", path, f"cannot be read: {reason}; make it a regular file that this user may read")]
    lines = statements(text)
    findings = [*_of_file(path, real, text)]
    for key in keys:
        findings += _of_key(path, key, lines, text)
    return sorted(findings, key=lambda finding: finding.severity != "refuse")


def _of_file(path: Path, real: Path, text: str) -> Iterator[Finding]:
    if not os.access(real.parent, os.W_OK | os.X_OK):
        yield _file(
            "refuse",
            path,
            f"its folder {real.parent} is not writable, so the file cannot be replaced; run as a user who may",
        )
    if obstacle := owner_obstacle(real):
        yield _file("refuse", path, f"{obstacle}, so a change would change its owner; run as the owner or root")
    if path.is_symlink():
        yield _file("warn", path, f"is a symbolic link; the real file {real} is changed, and the link stays")
    if text and not text.endswith(("\n", "\r")):
        yield _file(
            "warn",
            path,
            "has no newline at its end, so `>>` would glue the next key to the last line; add an empty line",
        )


def _of_key(path: Path, key: str, lines: list[Statement], text: str) -> Iterator[Finding]:
    found = [s for s in lines if s.key == key]
    named = re.compile(rf"\s*(?:export\s+)?{re.escape(key)}\b")
    for broken in (s for s in lines if not s.readable and named.match(s.text)):
        yield _line("refuse", path, broken, key, f"cannot be read; write {key}=false there, with quotes closed")
    if not found:
        text_only = re.search(rf"^\s*(?:export\s+)?{re.escape(key)}\s*=", text, re.MULTILINE)
        state, remedy = "is missing", f"stage 21_00 adds it, or add the line {key}=false"
        if text_only:
            state, remedy = (
                "stands only inside another key's quotes, or on a line that cannot be read",
                "close the quotes",
            )
        yield Finding("refuse", key, None, f"{path}: {key} {state}; {remedy}")
        return
    for statement in found:
        yield from _of_line(path, key, statement)
    if text.startswith(BOM) and found[0] is next((s for s in lines if s.text), None):
        yield _line("refuse", path, found[0], key, "follows a byte order mark; a shell misses it; remove the mark")
    winner = found[-1]
    if (winner.value or "").lower() not in ("true", "false"):
        shown = "nothing" if not winner.value else repr(winner.value[:20])
        yield _line("refuse", path, winner, key, f"holds {shown}; expected true or false; correct the line")
    if len(found) > 1:
        yield _line("warn", path, winner, key, _duplicates(found))


def _of_line(path: Path, key: str, statement: Statement) -> Iterator[Finding]:
    if statement.value is None:
        yield _line("refuse", path, statement, key, f"has no '='; write {key}=false there")
        return
    if statement.line_end.startswith("\r"):
        yield _line(
            "refuse",
            path,
            statement,
            key,
            r"ends in a carriage return, so a shell reads 'false\r'; remove it with: sed -i 's/\r$//' FILE",
        )
    if statement.exported:
        yield _line("warn", path, statement, key, "is written with `export `, which `grep ^KEY=` misses; it stays")
    if statement.quote:
        yield _line("warn", path, statement, key, "has quotes, which the checklist's grep and sed miss; they stay")
    if re.search(r"\s=|=\s+[^\s#]", statement.text):
        yield _line("warn", path, statement, key, "has spaces around '=', which a shell does not accept")


def _duplicates(found: list[Statement]) -> str:
    places = ", ".join(str(s.line) for s in found)
    winner = found[-1]
    text = f"is set on lines {places}; line {winner.line} wins, as for a shell and Docker Compose"
    if len({(s.value or "").lower() for s in found}) > 1:
        text += "; they differ: " + ", ".join(f"line {s.line} holds {(s.value or '')[:20]!r}" for s in found)
    return text + "; the suite changes all of them; keep one line"


def _file(severity: Literal["refuse", "warn"], path: Path, text: str) -> Finding:
    return Finding(severity, "", None, f"{path}: {text}")


def _line(severity: Literal["refuse", "warn"], path: Path, statement: Statement, key: str, text: str) -> Finding:
    return Finding(severity, key, statement.line, f"{path}: line {statement.line}: {key} {text}")
