"""Show a target's settings by dotted name, without its secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from acceptance.redact import HIDDEN, SHAPES


class Public:
    """A `repr` without credentials, also where one hides within a URL."""

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return SHAPES.text(f"{type(self).__name__}({', '.join(shown)})")


def hidden(value: Any) -> Iterator[str]:
    """Give the values of a dataclass, and of those within it, that its `repr` leaves out: the secrets."""
    for each in fields(value):
        member = getattr(value, each.name)
        if not each.repr:
            yield from [str(member)] if member else []
        elif is_dataclass(member):
            yield from hidden(member)
        elif isinstance(member, Mapping):
            yield from (text for one in member.values() if is_dataclass(one) for text in hidden(one))


def flat(name: str, value: Any, *, hide: bool = True) -> list[tuple[str, str]]:
    """Walk dataclasses and mappings down to pairs of `dotted.name` and text."""
    if is_dataclass(value):
        members = [(f.name, getattr(value, f.name), f.repr) for f in fields(value)]
    elif isinstance(value, Mapping):
        members = [(key, member, True) for key, member in value.items()]
    else:
        return [(name, _plain(name, value, hide=hide))]
    prefix = f"{name}." if name else ""
    return [
        pair
        for key, member, shown in members
        for pair in flat(prefix + key, member if shown or not hide else _veiled(member), hide=hide)
    ]


def _plain(name: str, value: Any, *, hide: bool) -> str:
    if isinstance(value, tuple):
        text = ":".join(map(str, value))
    elif isinstance(value, int) and name.endswith(".mode"):
        text = f"{value:o}"
    else:
        text = "" if value is None else str(value)
    return SHAPES.text(text) if hide else text


def _veiled(secret: str) -> str:
    """Hide a secret, but for the host in MongoDB's URL."""
    return secret if secret.startswith("mongodb") or not secret else HIDDEN
