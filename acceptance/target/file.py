"""Read a target file into checked settings; every fault of the file is reported at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from acceptance.envfile.text import Statement, statements
from acceptance.redact import HIDDEN, SHAPES
from acceptance.target.keys import all_keys
from acceptance.target.parsers import Malformed
from acceptance.verdict import Refused

Settings = Mapping[str, Any]


class TargetError(Refused):
    """The target file is missing or malformed, or the target is unknown."""


@dataclass(frozen=True)
class Fault:
    """One fault of a target file: which key, where, and what is wrong with it."""

    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "not in the file"
        return f"{self.key} ({where}) {self.message}".lstrip()


# A default made of another key's value says nothing new when that key is at fault.
_BASE_IS_FAULTY = Fault("", None, "")


def read_settings(path: Path) -> Settings:
    """Return the value of every key in `all_keys`, parsed.

    A secret that the file leaves out may come from the process environment; nothing else does, and an
    explicit value of the file always wins.

    Raises:
        TargetError: Listing every fault with line, key, what was found and expected, and the remedy.
    """
    lines = statements(_text_of(path))
    faults: list[Fault] = [*_unreadable(lines), *_unknown(lines), *_repeated(lines)]
    given = {s.key: s for s in lines if s.key is not None and s.key in all_keys() and s.value is not None}
    texts: dict[str, str] = {}
    parsed: dict[str, Any] = {}
    for name in all_keys():
        result = _parse(name, given.get(name), texts, provided=_needless(name, given))
        if isinstance(result, Fault):
            faults.append(result)
        else:
            parsed[name] = result
    faults += _contradictions(parsed, given)
    if faults:
        in_file_order = sorted(
            (f for f in faults if f is not _BASE_IS_FAULTY), key=lambda fault: fault.line or sys.maxsize
        )
        listing = "\n".join(f"  {fault}" for fault in in_file_order)
        raise TargetError(f"target file {path}: {len(in_file_order)} to correct, nothing was changed:\n{listing}")
    return parsed


def _needless(name: str, given: Mapping[str, Statement]) -> bool:
    """Tell whether a secret is not asked for: a provider will give it, or its part is declared absent."""
    absent = (given["ABSENT"].value or "") if "ABSENT" in given else ""
    return "TARGET_PROVIDER" in given or name.partition("_")[0].lower() in absent.split()


def _parse(name: str, statement: Statement | None, texts: dict[str, str], *, provided: bool) -> Any:
    """Return the value of one key, or its Fault; the text is left in `texts` for defaults that use it."""
    key = all_keys()[name]
    text = statement.value if statement else None
    if statement is None and key.secret:
        text = os.environ.get(name) or None
    if text is None:
        if key.secret and provided:
            return ""
        if key.default is None:
            return Fault(name, None, _missing(name))
        try:
            text = key.default.format_map(texts)
        except KeyError:
            return _BASE_IS_FAULTY
    try:
        value = key.parse(text)
    except Malformed as error:
        found = HIDDEN if key.secret else f"{SHAPES.text(text)[:80]!r}"
        return Fault(
            name, statement.line if statement else None, f"is malformed: found {found}; expected {error}; correct it"
        )
    texts[name] = text
    return value


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TargetError(f"target file {path}: not found; copy one of targets/*.env.example") from None
    except UnicodeDecodeError as error:
        raise TargetError(f"target file {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise TargetError(f"target file {path}: cannot be read: {error.strerror}; make it a readable file") from error


def _missing(name: str) -> str:
    try:
        all_keys()[name].parse("")
        expected = "any text, also none"
    except Malformed as error:
        expected = str(error)
    or_set_it = ", or set it in the environment" if all_keys()[name].secret else ""
    return f"is missing: expected {expected}; add the line {name}=VALUE{or_set_it}"


def _unreadable(lines: list[Statement]) -> list[Fault]:
    broken = [s for s in lines if not s.readable or (s.key is not None and s.value is None)]
    return [
        Fault("", s.line, "cannot be read: expected KEY=VALUE, with quotes closed; correct the line") for s in broken
    ]


def _unknown(lines: list[Statement]) -> list[Fault]:
    faults = []
    for statement in lines:
        if statement.key is None or statement.key in all_keys():
            continue
        near = get_close_matches(statement.key.upper(), all_keys(), n=1)
        remedy = f"did you mean {near[0]}?" if near else "remove the line; targets/*.env.example list all keys"
        faults.append(Fault(statement.key[:60], statement.line, f"is no key of a target file; {remedy}"))
    return faults


def _repeated(lines: list[Statement]) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for statement in lines:
        if statement.key is None:
            continue
        before = first.setdefault(statement.key, statement.line)
        if before != statement.line:
            faults.append(
                Fault(statement.key[:60], statement.line, f"is set before, on line {before}; keep one of them")
            )
    return faults


def _contradictions(parsed: Settings, given: Mapping[str, Statement]) -> list[Fault]:
    found: dict[str, str] = {}
    if parsed.get("SOAK_SECONDS") and parsed.get("TARGET_KIND") == "production":
        found["SOAK_SECONDS"] = "scales the soak, which in production is the checklist's; remove the line"
    # guard: no-user-in-production-is-cut-off
    if parsed.get("DIALOG") == "telegram" and parsed.get("TARGET_KIND") == "production":
        found["DIALOG"] = (
            "would cut every user off from the bot, which polls this suite then, and not Telegram; in production "
            "ask its gateway (http), or declare the bot absent (ABSENT) and try it by hand"
        )
    if parsed.get("TARGET_PROVIDER") and parsed.get("ALLOW_MUTATIONS"):
        found["ALLOW_MUTATIONS"] = (
            "belongs in the target file that TARGET_PROVIDER makes, not beside it; remove the line"
        )
    root, watched = parsed.get("STORAGE_ROOT"), parsed.get("WATCH_DIRS")
    # guard: what-lies-beside-the-storage-is-watched
    if root and watched and root.parent != Path("/") and not _around(root, watched):
        found["WATCH_DIRS"] = (
            f"names no folder around STORAGE_ROOT, so what is written beside it is not watched; add {root.parent}"
        )
    return [Fault(key, given[key].line, message) for key, message in found.items()]


def _around(root: Path, folders: Iterable[Path]) -> bool:
    """Tell whether one of these folders holds the storage, by its name or by where links lead, and more than that."""
    above = {*root.parents, *Path(os.path.realpath(root)).parents}
    return any({folder, Path(os.path.realpath(folder))} & above for folder in folders)
