"""Turn the text of a key into a value, or say what was expected."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from acceptance.target.log_format import FIELDS, LEVELS, NUMBERS, SHOWS, log_sources, zone_of


class Malformed(ValueError):
    """A value is not what its key expects; carries the expectation."""


Parser = Callable[[str], Any]


def word(text: str) -> str:
    """Return a name without white space or quotes."""
    if not re.fullmatch(r"[^\s'\"$]+", text):
        raise Malformed("one word without spaces, quotes or $")
    return text


def word_or_nothing(text: str) -> str:
    """Return a name, or nothing."""
    return word(text) if text else ""


def key_header(text: str) -> str:
    """Return the header that carries a key, perhaps with the scheme before the key."""
    if not re.fullmatch(r"[\w-]+( [\w-]+)?", text):
        raise Malformed("HEADER or HEADER SCHEME, such as X-API-Key or Authorization Bearer")
    return text


def name_patterns(text: str) -> tuple[str, ...]:
    """Return names separated by spaces, where `*` stands for any ending; `*` alone is refused."""
    parsed = tuple(text.split())
    if not parsed or not all(re.fullmatch(r"[^\s*?\[\]]+\*?", each) for each in parsed):
        raise Malformed("names with a space between them, each with a * at its end or without, such as test_user*")
    return parsed


def file_name(text: str) -> str:
    """Return a name that can also name a folder."""
    if not re.fullmatch(r"\w[\w.-]{0,63}", text):
        raise Malformed("a short name of letters, digits, dots and dashes")
    return text


def anything(text: str) -> str:
    """Return any text, also none."""
    return text


def flag_name(text: str) -> str:
    """Return the name of a flag in the env file."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise Malformed("the name of a flag, such as USE_NEW_STORAGE_ADAPTER")
    return text


def one_of(*words: str) -> Parser:
    """Return a parser that takes one of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise Malformed(f"one of {', '.join(words)}")
        return text

    return parse


def boolean(text: str) -> bool:
    """Return True for `true`, False for `false`, in any case; nothing else is a switch."""
    if text.lower() not in ("true", "false"):
        raise Malformed("true or false")
    return text.lower() == "true"


def count(text: str) -> int:
    """Return a whole number above zero."""
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise Malformed("a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """Return a duration in seconds, above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not (value > 0 and math.isfinite(value)):
        raise Malformed("a number of seconds above 0")
    return value


def seconds_or_none(text: str) -> float:
    """Return a duration in seconds, nought for none."""
    return 0.0 if text == "0" else seconds(text)


def count_or_none(text: str) -> int:
    """Return a whole number, nought for none."""
    return 0 if text == "0" else count(text)


def address(text: str) -> tuple[str, int]:
    """Return the host and the port to listen at."""
    found = re.fullmatch(r"([\w.-]+):(\d{1,5})", text)
    if not found or not 0 < int(found[2]) < 2**16:
        raise Malformed("HOST:PORT, such as 127.0.0.1:8081")
    return found[1], int(found[2])


def hours(text: str) -> float:
    """Return a number of hours, above zero."""
    try:
        return seconds(text)
    except Malformed:
        raise Malformed("a number of hours above 0") from None


def mode(text: str) -> int:
    """Return permission bits given in octal, such as 750, or 2750 where what is made in a folder gets its group."""
    if not re.fullmatch(r"[0-7]{3,4}", text):
        raise Malformed("three octal digits, such as 750, or four, such as 2750")
    return int(text, 8)


def owner(text: str) -> str:
    """Return USER:GROUP."""
    if not re.fullmatch(r"[^\s:]+:[^\s:]+", text):
        raise Malformed("USER:GROUP, such as butler:butler")
    return text


def path(text: str) -> Path:
    """Return an absolute path; `~` and variables of the process environment are expanded."""
    expanded = os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111
    if missing := re.search(r"\$\{?\w+\}?", expanded):
        raise Malformed(f"a path whose variables are set; {missing[0]} is not set in this environment")
    if not Path(expanded).is_absolute():
        raise Malformed("an absolute path (it may start with ~)")
    return Path(os.path.normpath(expanded))


def paths(text: str) -> tuple[Path, ...]:
    """Return absolute paths separated by colons; the root folder is refused: it is too much to watch."""
    parsed = tuple(path(part) for part in text.split(":") if part)
    if not parsed or Path("/") in parsed:
        raise Malformed("absolute paths with a colon between them, none of them /")
    return parsed


def file_patterns(text: str) -> tuple[Path, ...]:
    """Return patterns of files, with `*` only in the name, and not as the whole name."""
    parsed = tuple(path(part) for part in text.split(":") if part)
    if any(set(each.name) <= {"*"} or "*" in str(each.parent) for each in parsed):
        raise Malformed(
            "absolute paths with a colon between them, with * in the file's name only and not as all of it, such as "
            "/srv/*.log"
        )
    return parsed


def command(text: str) -> str:
    """Return a command line that a shell could split."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Malformed(f"a command line ({error})") from error
    if not words:
        raise Malformed("a command line, such as make day-12-restart-api")
    return text


def http_url(text: str) -> str:
    """Return the base of an HTTP address without a final slash."""
    expected = "a URL such as http://127.0.0.1:9090, without query or fragment"
    parts = _split(text, expected)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Malformed(expected)
    return text.rstrip("/")


def mongo_url(text: str) -> str:
    """Return a MongoDB address; what is in it is checked by pymongo at use."""
    expected = "a URL such as mongodb://USER:PASSWORD@127.0.0.1:27018/butler?authSource=admin"
    if not re.fullmatch(r"mongodb(\+srv)?://[^\s]+", text):
        raise Malformed(expected)
    return text


def log_source(text: str) -> str:
    """Return where a service's instances log. Loki is refused: its lines come late, and a read ends at a limit."""
    return " ".join(map(_log_place, log_sources(text) or [""]))


def _log_place(text: str) -> str:
    kinds = "docker://CONTAINER, journald://UNIT, file:///ABSOLUTE/PATH or command:WORDS"
    expected = f"{kinds}, one for each instance of the service"
    scheme, _, rest = text.partition("://")
    if text.startswith("command:"):
        return f"command:{command(text.removeprefix('command:'))}"
    if scheme == "file":
        return f"file://{path(rest)}"
    if scheme == "loki":
        raise Malformed(f"{expected}; not Loki, whose lines come late and are cut off at a limit")
    if scheme not in ("docker", "journald") or not re.fullmatch(r"[\w.@:\\-]+", rest):
        raise Malformed(expected)
    return text


def pattern(text: str) -> str:
    """Return a regular expression that does not match nothing."""
    try:
        empty = re.search(text, "") is not None
    except re.error as error:
        raise Malformed(f"a regular expression ({error})") from error
    if empty:
        raise Malformed("a regular expression that an empty answer does not match")
    return text


def log_pattern(text: str) -> str:
    """Return a regular expression of a log line that names its time and its level; empty for the usual forms."""
    expected = "a regular expression with the groups (?P<time>...) and (?P<level>...), or nothing"
    try:
        groups = re.compile(text).groupindex
    except re.error as error:
        raise Malformed(f"{expected} ({error})") from error
    if text and not {"time", "level"} <= set(groups):
        raise Malformed(expected)
    return text


def log_fields(text: str) -> dict[str, str]:
    """Return what the fields of a log are called, those left out by the contract."""
    pairs = dict(pair.partition("=")[::2] for pair in text.split())
    if (
        set(pairs) - {*FIELDS, *LEVELS}
        or not all(pairs.get(name, "?") for name in ("time", "level", *LEVELS))
        or (pairs.get("numbers", "") not in ("", *NUMBERS))
    ):
        raise Malformed(
            f"pairs such as time=ts level=log.level event=event.action trace=trace_id numbers={'|'.join(NUMBERS)}, "
            "where a.b is the field b of the object a, and `trace=` or `event=` one that is not there; "
            "level:error=FEHLER|KRITISCH where a level has other words"
        )
    return {**FIELDS, **pairs}


def log_shows(text: str) -> tuple[str, ...]:
    """Return what a service logs, in words."""
    parsed = tuple(text.split())
    if set(parsed) - set(SHOWS):
        raise Malformed(f"any of {', '.join(SHOWS)} with a space between them, or nothing")
    return parsed


def zone(text: str) -> str:
    """Return a time zone."""
    try:
        zone_of(text)
    except (ValueError, OSError, KeyError) as error:
        raise Malformed("a time zone such as UTC, Europe/Berlin or +01:00") from error
    return text


def scanner(text: str) -> str | None:
    """Return clamd's address; empty for none."""
    expected = "unix:///ABSOLUTE/PATH, tcp://HOST:PORT, or nothing"
    if not text:
        return None
    if text.startswith("unix://"):
        return f"unix://{path(text.removeprefix('unix://'))}"
    parts = _split(text, expected)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path:
        raise Malformed(expected)
    return text


PARTS = (
    *("bot", "worker", "api", "grafana", "loki", "alertmanager", "hw-checker"),
    *("bot-resources", "worker-resources", "api-resources", "prometheus-status", "alert-rules"),
)
"""Parts that a deployment may lack; without MongoDB and Prometheus nothing can be told of any."""


def attacks(text: str) -> str:
    """Return which attacks are sent: all, a selection, or kinds of the corpus."""
    corpus = resources.files("acceptance") / "data" / "traversal.tsv"
    rows = [line.split("\t") for line in corpus.read_text(encoding="utf-8").splitlines() if "\t" in line]
    kinds = dict.fromkeys(row[1] for row in rows[1:])
    if text not in ("all", "selection") and set(text.split()) - set(kinds):
        raise Malformed(f"all, selection, or some of {', '.join(kinds)} with a space between them")
    return text


def absent_parts(text: str) -> tuple[str, ...]:
    """Return the parts that a deployment lacks; one service must be there."""
    parsed = tuple(text.split())
    if set(parsed) - set(PARTS) or set(PARTS[:3]) <= set(parsed):
        raise Malformed(f"any of {', '.join(PARTS)} with a space between them, not all of the services, or nothing")
    return parsed


def branch(text: str) -> str:
    """Return a branch of a remote: what is deployed must be its newest commit."""
    if not re.fullmatch(r"[\w.-]+/[\w./-]+", text):
        raise Malformed("REMOTE/BRANCH, such as origin/main")
    return text


def commit_source(text: str) -> str:
    """Return where a running service says of which commit it is."""
    kind, _, rest = text.partition(":")
    form = {"metric": r"[a-zA-Z_]\w*:[a-zA-Z_]\w*", "http": r"/[^\s:]*:[\w.]+", "command": r".*\S.*"}.get(kind)
    if form is None or not re.fullmatch(form, rest):
        raise Malformed("metric:NAME:LABEL, http:/PATH:KEY or command:WORDS with {NAME} for the service, or nothing")
    return text


def optional(parse: Parser) -> Parser:
    """Return a parser that gives None for nothing."""
    return lambda text: parse(text) if text else None


def _split(text: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise Malformed(expected) from None  # its own message would quote a password as a bad port
    if re.search(r"\s", text):
        raise Malformed(expected)
    return parts
