"""Describe what an edit of an env file did, and undo it although others edit the file too. Pure text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from acceptance.envfile.text import Statement, occurrences, replaced, statements
from acceptance.verdict import MutationFailed, Refused


class EnvFileError(Refused):
    """The env file cannot be read or changed as asked; nothing was changed."""


class EnvFileConflict(MutationFailed):
    """Somebody else changed the key that this run changed; it is left as it is."""


@dataclass(frozen=True)
class Change:
    """One edit, with all that is needed to undo it; safe to store (lines of its own keys only).

    Attributes:
        path: The env file, as the caller named it.
        kind: `set` replaced values, `append` added lines at the end.
        keys: The keys concerned.
        value: The value written (`set`), or the lines (`append`), for people.
        before: Line number and exact text of each replaced line; none for `append`.
        after: The same of each line as written; for `append` its comment comes first.
        newline_added: `append` first had to end the last line.
        sha256_before: Digest of the whole file before the edit.
        sha256_after: Digest of the whole file after it.
    """

    path: str
    kind: Literal["set", "append"]
    keys: tuple[str, ...]
    value: str
    before: tuple[tuple[int, str], ...]
    after: tuple[tuple[int, str], ...]
    newline_added: bool
    sha256_before: str
    sha256_after: str

    @property
    def previous(self) -> str | None:
        """The value that counted before; None when the key was absent."""
        return statements(self.before[-1][1])[0].value if self.before else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data. Bytes that are not UTF-8 are lone surrogates: keep `ensure_ascii`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the change that `to_dict` gave, also after a way through JSON."""
        lines = {name: tuple((int(n), str(text)) for n, text in data[name]) for name in ("before", "after")}
        return cls(**{**data, **lines, "keys": tuple(data["keys"])})


@dataclass(frozen=True)
class Restored:
    """How a change was undone.

    Attributes:
        outcome: `exact` the file is byte for byte what it was; `merged` our lines are back and what others
            changed is kept; `already` there was nothing to undo.
        note: One sentence for the record.
    """

    outcome: Literal["exact", "merged", "already"]
    note: str


def sha256(content: bytes) -> str:
    """Return the digest as it stands in a `Change`."""
    return hashlib.sha256(content).hexdigest()


def encode(text: str) -> bytes:
    """Return the file's bytes; with `decode` any file makes the way there and back unharmed."""
    return text.encode("utf-8", "surrogateescape")


def decode(content: bytes) -> str:
    """Return the file's text, undecodable bytes as lone surrogates."""
    return content.decode("utf-8", "surrogateescape")


def undone(change: Change, text: str) -> tuple[str, Restored]:
    """Return the text with `change` undone, and how.

    Raises:
        EnvFileConflict: The key itself was changed by somebody else.
        EnvFileError: The stored change does not lead back to the file that it was made from.
    """
    digest = sha256(encode(text))
    if digest == change.sha256_before:
        return text, Restored("already", "the file is as it was before the change")
    if digest == change.sha256_after:
        return _exact(change, text), Restored("exact", "the file is byte for byte as it was before the change")
    return _appended_removed(change, text) if change.kind == "append" else _values_back(change, text)


def _exact(change: Change, text: str) -> str:
    current = occurrences(text, *change.keys)
    if change.kind == "append":
        added = sum(len(line) + 1 for _, line in change.after) + change.newline_added
        back = text[: len(text) - added]
    else:
        back = replaced(text, [(s, old) for s, (_, old) in zip(current, change.before, strict=False)])
    if sha256(encode(back)) != change.sha256_before:
        raise EnvFileError(
            f"{change.path}: {_names(change)}: the stored change does not lead back to the original file; nothing "
            f"was changed; restore {_names(change)} by hand from a backup of the file"
        )
    return back


def _values_back(change: Change, text: str) -> tuple[str, Restored]:
    current = occurrences(text, *change.keys)
    if [s.text for s in current] == [old for _, old in change.before]:
        return text, Restored("already", f"{_names(change)} is as before; other lines were changed by others")
    ours, foreign = _split(change, current)
    original = change.previous
    if not current or original is None or any((s.value or "").lower() != original.lower() for s in foreign):
        raise EnvFileConflict(_conflict(change, foreign, has_ours=bool(ours)))
    kept = f"; line {_lines(foreign)}, set to {original} by others, is kept" if foreign else ""
    if not ours:
        return text, Restored("already", f"{_names(change)} was changed to {original} by others")
    exact = [s.text for s in ours] == [line for _, line in change.after]
    lines = [old for _, old in change.before] if exact else [s.with_value(original) for s in ours]
    edits = list(zip(ours, lines, strict=True))
    note = f"{_names(change)} is back at {original}; other lines were changed by others and are kept{kept}"
    return replaced(text, [*edits]), Restored("merged", note)


def _appended_removed(change: Change, text: str) -> tuple[str, Restored]:
    current = occurrences(text, *change.keys)
    if not current:
        return text, Restored("already", f"the lines of {_names(change)} were removed by others")
    ours, foreign = _split(change, current)
    written = {s.key: s.value or "" for _, line in change.after for s in statements(line) if s.key}
    if any((s.value or "").lower() != written.get(s.key or "", "").lower() for s in foreign):
        raise EnvFileConflict(_conflict(change, foreign, has_ours=bool(ours)))
    comment = [s for s in statements(text) if s.key is None and s.text == change.after[0][1]][-1:]
    kept = f"; line {_lines(foreign)}, written by others, is kept" if foreign else ""
    note = f"the lines added for {_names(change)} are removed; what others changed is kept{kept}"
    return replaced(text, [(s, None) for s in (*comment, *ours)]), Restored("merged", note)


def _split(change: Change, current: list[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Separate the lines that are as this run wrote them from those of others.

    A value of ours in another spelling, such as in quotes, is ours too: a program that writes the file anew has chosen
    nothing.
    """
    expected = [line for _, line in change.after if statements(line)[0].key is not None]
    ours, foreign = [], []
    for statement in current:
        if statement.text in expected:
            del expected[: expected.index(statement.text) + 1]
            ours.append(statement)
        else:
            foreign.append(statement)
    if change.kind == "set":
        spelt = [s for s in foreign if (s.value or "").lower() == change.value.lower()][: len(expected)]
        ours, foreign = sorted([*ours, *spelt], key=lambda s: s.start), [s for s in foreign if s not in spelt]
    return ours, foreign


def _conflict(change: Change, foreign: list[Statement], *, has_ours: bool) -> str:
    now = ", ".join(f"line {s.line} sets {s.key} to {s.value!r}" for s in foreign)
    if not now:
        now = f"{_names(change)} is no longer in the file"
    beside = " (beside this run's own line)" if has_ours else ""
    wanted = "removed" if change.previous is None else f"{change.previous!r}, as before this run"
    return (
        f"{change.path}: this run wrote {_names(change)}: {change.value}; now {now}{beside}; somebody else changed "
        f"it, so it was left alone; decide by hand whether it is to be {wanted}, then restart the service"
    )


def _names(change: Change) -> str:
    return ", ".join(change.keys)


def _lines(found: list[Statement]) -> str:
    return ", ".join(str(s.line) for s in found)
