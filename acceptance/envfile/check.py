"""Check an env file before anything is changed: what would refuse a flag change, and what would mislead a reader.

Findings name the file, the line and the key, and never the value of another key. Those of `Severity.HIGH` refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from acceptance.envfile.obstacles import obstacles, regular_bytes
from acceptance.envfile.readers import is_continued, open_quote, readings
from acceptance.envfile.text import BOM, Statement, naming, statements
from acceptance.finding import Finding, Severity

MISSING = "flag missing"


def diagnose(path: Path, keys: Iterable[str]) -> list[Finding]:
    """Return everything to correct or to know before one of these flags is changed; refusals first."""
    try:
        real = path.resolve(strict=True)
        content = regular_bytes(real)
    except FileNotFoundError:
        return [_file(path, "a file", "none", "correct ENV_FILE in the target file, or create the file")]
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        return [_file(path, "a regular file that this user may read", f"{reason}", "correct its mode or its owner")]
    text = content.decode("utf-8", "surrogateescape")
    lines = statements(text)
    findings = [*_of_file(path, real, content)]
    for key in keys:
        findings += _of_key(path, key, lines, text)
    return sorted(findings, key=lambda finding: -finding.severity)


def _of_file(path: Path, real: Path, content: bytes) -> Iterator[Finding]:
    for found, remedy in obstacles(real):
        yield _file(path, "a file that can be replaced as it is", found, remedy)
    if path.is_symlink():
        yield _file(path, "a regular file", "a symbolic link", f"the real file {real} is changed, the link stays", _LOW)
    if b"\0" in content:
        found, remedy = "zero bytes, as in UTF-16", "save it as UTF-8; a shell and a service read it in different ways"
        yield _file(path, "text", found, remedy)
    if content and not content.endswith((b"\n", b"\r")):
        yield _file(path, "a newline at its end", "none", "`>>` would glue the next key to the last line; add it", _LOW)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        who = "`docker run --env-file` and python-dotenv refuse the whole file, a shell reads it"
        yield _file(path, "UTF-8", f"another encoding on line {line}", f"{who}; save it as UTF-8", _LOW)


def _of_key(path: Path, key: str, lines: list[Statement], text: str) -> Iterator[Finding]:
    plain = f"the plain line {key}=false"
    for odd in naming(text, key):
        strange = "a line that names it and cannot be read as KEY=value"
        yield _line(path, odd, key, plain, strange, f"write {plain}; Compose also reads `{key}: true`")
    found = [s for s in lines if s.key == key]
    if not found:
        inside = re.search(rf"^\s*(?:export\s+)?{re.escape(key)}\s*=", text, re.MULTILINE)
        where, remedy = "no line of it", f"stage 21_00 adds it, or add the line {key}=false"
        if inside:
            where, remedy = "it only inside another key's quotes, or on a line that cannot be read", "close the quotes"
        yield Finding("flag hidden" if inside else MISSING, f"{path}: {key}", plain, where, next_step=remedy)
        return
    for statement in found:
        yield from _of_line(path, key, statement, text)
    if text.startswith(BOM) and found[0] is next((s for s in lines if s.text), None):
        yield _line(path, found[0], key, plain, "a byte order mark before it; a shell misses it", "remove the mark")
    winner = found[-1]
    if (winner.value or "").lower() not in ("true", "false"):
        yield _line(path, winner, key, "true or false", _shown(winner.value), "correct the line")
    if len(found) > 1:
        yield _line(path, winner, key, "one line", _duplicates(found), "the suite changes all of them; keep one", _LOW)


def _of_line(path: Path, key: str, statement: Statement, text: str) -> Iterator[Finding]:
    plain = f"the plain line {key}=false"
    if statement.value is None:
        yield _line(path, statement, key, plain, "no '='", f"write {plain}")
        return
    if statement.line_end.startswith("\r"):
        remedy = r"remove it with: sed -i 's/\r$//' FILE"
        yield _line(path, statement, key, plain, r"a carriage return; a shell reads 'false\r'", remedy)
    read = readings(statement)
    if (opened := open_quote(text, statement.start)) is not None:
        above = text.count("\n", 0, opened) + 1
        read["a shell"] = f"nothing, for the quotation mark on line {above} is still open"
    if is_continued(text, statement.start):
        read["systemd"] = "nothing, for the line above ends with a backslash (a shell may read so too)"
    if len(set(read.values())) > 1:
        told = ", ".join(f"{who} reads {_shown(what)}" for who, what in read.items())
        yield _line(path, statement, key, plain, told, "write it so if another than python-dotenv reads the file", _LOW)


def _duplicates(found: list[Statement]) -> str:
    winner = found[-1]
    text = f"lines {', '.join(str(s.line) for s in found)}, of which line {winner.line} wins"
    if len({(s.value or "").lower() for s in found}) > 1:
        text += "; they differ: " + ", ".join(f"line {s.line} holds {_shown(s.value)}" for s in found)
    return text


def _shown(value: str | None) -> str:
    """Give a flag's value; words about it are longer than any flag's, and are given as they are."""
    if not value:
        return "nothing"
    return value if value.startswith(("nothing", "an error")) else repr(value[:20])


_LOW = Severity.LOW


def _file(path: Path, expected: str, found: str, remedy: str, severity: Severity = Severity.HIGH) -> Finding:
    return Finding("env file", str(path), expected, found, severity, remedy)


def _line(
    path: Path,
    statement: Statement,
    key: str,
    expected: str,
    found: str,
    remedy: str,
    severity: Severity = Severity.HIGH,
) -> Finding:
    return Finding("flag line", f"{path}: line {statement.line}: {key}", expected, found, severity, remedy)
