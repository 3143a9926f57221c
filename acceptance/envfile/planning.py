"""Work out an edit of an env file: the new text, and the `Change` that undoes it. Pure text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from acceptance.envfile.change import Change, EnvFileError, encode, sha256
from acceptance.envfile.text import BOM, naming, occurrences, replaced, statements

_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def plan_set(path: str, text: str, key: str, value: str) -> tuple[Change, str]:
    """Return the change that gives `key` the value on every line that sets it, and the new text.

    Raises:
        EnvFileError: Key absent, without `=`, or value not a plain word.
    """
    _require_plain(path, key, value)
    _require_readable(path, text, key)
    found = occurrences(text, key)
    if not found:
        raise EnvFileError(
            f"{path}: {key} is absent; nothing was changed; stage 21_00 adds it, or add the line {key}=false"
        )
    if bare := [s.line for s in found if s.value is None]:
        raise EnvFileError(f"{path}: {key} has no '=' on line {bare[0]}; nothing was changed; write {key}=false there")
    edits = [(s, s.with_value(value)) for s in found]
    new = replaced(text, [*edits])
    _require_only(path, text, new, {key: value})
    change = Change(
        path=path,
        kind="set",
        keys=(key,),
        value=value,
        before=tuple((s.line, s.text) for s in found),
        after=tuple((s.line, line) for s, line in edits),
        newline_added=False,
        sha256_before=sha256(encode(text)),
        sha256_after=sha256(encode(new)),
    )
    return change, new


def plan_append(path: str, text: str, lines: Mapping[str, str], comment: str) -> tuple[Change, str]:
    """Return the change that adds keys at the end under a comment, and the new text.

    Raises:
        EnvFileError: A key is there already, or a key or value is not a plain word.
    """
    for key, value in lines.items():
        _require_plain(path, key, value)
    _require_readable(path, text, *lines)
    if present := occurrences(text, *lines):
        where = ", ".join(f"{s.key} on line {s.line}" for s in present)
        raise EnvFileError(f"{path}: {where} is there already; nothing was added; use the lines that are there")
    ended = text in ("", BOM) or text.endswith("\n")
    added = [f"# {' '.join(comment.split())}", *(f"{key}={value}" for key, value in lines.items())]
    new = text + ("" if ended else "\n") + "".join(f"{line}\n" for line in added)
    _require_only(path, text, new, lines)
    first = next(s.line for s in statements(new) if s.key in lines) - 1
    change = Change(
        path=path,
        kind="append",
        keys=tuple(lines),
        value=" ".join(added[1:]),
        before=(),
        after=tuple(enumerate(added, first)),
        newline_added=not ended,
        sha256_before=sha256(encode(text)),
        sha256_after=sha256(encode(new)),
    )
    return change, new


def _require_plain(path: str, key: str, value: str) -> None:
    if not _NAME.fullmatch(key) or not _PLAIN.fullmatch(value):
        raise EnvFileError(
            f"{path}: {key[:60]!r} cannot be written; expected a plain name, and a value without spaces, quotes, "
            f"# or $; nothing was changed"
        )


def _require_readable(path: str, text: str, *keys: str) -> None:
    """Refuse a file with an unreadable line that names a key: another reader may read it, and that line may win."""
    if "\0" in text:
        raise EnvFileError(f"{path}: it holds zero bytes, as in UTF-16; nothing was changed; save it as UTF-8")
    if odd := naming(text, *keys):
        raise EnvFileError(
            f"{path}: line {odd[0].line} names {', '.join(keys)} and cannot be read as KEY=value; nothing was changed; "
            "write it as a plain line KEY=false"
        )


def _require_only(path: str, old: str, new: str, values: Mapping[str, str]) -> None:
    """Refuse an edit that, when read again, does more than set these keys."""
    before, after = ([(s.key, s.value) for s in statements(t) if s.key not in {None, *values}] for t in (old, new))
    found = occurrences(new, *values)
    if before != after or not found or any(s.value != values[s.key or ""] for s in found):
        raise EnvFileError(
            f"{path}: {', '.join(values)} cannot be told from the lines around it (an open quote?); nothing was "
            f"changed; put each key on a plain line KEY=value"
        )
