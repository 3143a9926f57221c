"""Find out who somebody is: a process's login, a file's owner, and whether two names are one person's."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

_NO_NAMES = frozenset(
    {"no", "yes", "ok", "okay", "none", "nobody", "na", "nil", "null", "tbd", "todo", "unknown", "name", "xx", "done"}
)


def login_name() -> str:
    """Give the login of this process; its user's number where that has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


def who(environment: Mapping[str, str]) -> str:
    """Give the login of this process, and that of who became it by sudo."""
    login, before = login_name(), environment.get("SUDO_USER", "")
    return f"{login} (sudo by {before})" if before and before != login else login


def owner_of(file: Path) -> str:
    """Give the login that a file belongs to; its number where it has no name."""
    try:
        return file.owner()
    except KeyError:
        return f"user {file.stat().st_uid}"


def is_name(name: str) -> bool:
    """Tell whether a text names a person: not a dash, a place-holder, or an answer such as `no` to "Your name?"."""
    return any(len(part) > 1 and part not in _NO_NAMES for part in _parts(name))


def same_person(name: str, other: str) -> bool:
    """Tell whether two names may be one person's.

    Case, spaces, accents, punctuation and the order of parts do not count; an initial is any name that begins so, a
    login may be both in one word, and what follows an `@` is where somebody has mail.
    """
    one, two = _parts(name), _parts(other)
    if len(one) != len(two):
        return bool(_joined(one) & _joined(two))
    return any(all(map(_may_be, one, order)) for order in permutations(two[:4]))


def _joined(parts: list[str]) -> set[str]:
    return {"".join(order) for order in permutations(parts[:4])}


def _may_be(one: str, two: str) -> bool:
    return one == two or (1 in (len(one), len(two)) and one[0] == two[0])


def _parts(name: str) -> list[str]:
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    return re.findall(r"[^\W_\d]+", plain.casefold().partition("@")[0])
