"""Tell who somebody is: the login of a process, the owner of a file, and whether two names are one person's."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path


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


def same_person(name: str, other: str) -> bool:
    """Tell whether two names are one person's, whatever case, spaces, accents, punctuation and order of parts."""
    return _parts(name) == _parts(other)


def _parts(name: str) -> list[str]:
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    return sorted(re.findall(r"\w+", plain.casefold()))
