"""The keys of a target file: what each may hold, and its default (checklist and target contract).

A default may name other keys in braces, so that one changed folder or name moves what depends on it.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit


class Malformed(ValueError):
    """A value is not what its key expects; carries the expectation."""


Parser = Callable[[str], Any]


@dataclass(frozen=True)
class Key:
    """One key of a target file.

    Attributes:
        parse: Turns the text into a value, or raises `Malformed`.
        default: Text used when the key is absent; None when the key is required.
        secret: Never shown, and taken from the process environment when the file leaves it out.
    """

    parse: Parser
    default: str | None = None
    secret: bool = False


def word(text: str) -> str:
    """Return a name without white space or quotes."""
    if not re.fullmatch(r"[^\s'\"$]+", text):
        raise Malformed("one word without spaces, quotes or $")
    return text


def word_or_nothing(text: str) -> str:
    """Return a name, or nothing."""
    return word(text) if text else ""


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


def mode(text: str) -> int:
    """Return permission bits given in octal, such as 750."""
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise Malformed("three octal digits, such as 750")
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
    """Return absolute paths given with a colon between them; the root folder is too much to watch."""
    parsed = tuple(path(part) for part in text.split(":") if part)
    if not parsed or Path("/") in parsed:
        raise Malformed("absolute paths with a colon between them, none of them /")
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
    """Return the place of a service's log."""
    expected = "docker://CONTAINER, file:///ABSOLUTE/PATH or loki://SERVICE"
    scheme, _, rest = text.partition("://")
    if scheme == "file":
        return f"file://{path(rest)}"
    if scheme not in ("docker", "loki") or not re.fullmatch(r"[\w.-]+", rest):
        raise Malformed(expected)
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


def _service(upper: str, name: str, port: int, restart: str) -> dict[str, Key]:
    return {
        f"{upper}_NAME": Key(word, name),
        f"{upper}_URL": Key(http_url, f"http://127.0.0.1:{port}"),
        f"{upper}_JOB": Key(word, f"{{{upper}_NAME}}"),
        f"{upper}_LOGS": Key(log_source, f"docker://{{{upper}_NAME}}"),
        f"RESTART_{upper}": Key(command, f"make {restart}"),
    }


KEYS: dict[str, Key] = {
    "TARGET_NAME": Key(file_name),
    "TARGET_KIND": Key(one_of("lab", "staging", "production")),
    "TARGET_PROVIDER": Key(optional(command), ""),
    "ALLOW_MUTATIONS": Key(boolean, "false"),
    "INFRA_DIR": Key(path, "~/work/infra"),
    "ENV_FILE": Key(path, "{INFRA_DIR}/.env.infra"),
    "JOURNAL_DIR": Key(path, "~/.local/state/butler-acceptance/{TARGET_NAME}"),
    **_service("BOT", "butler-bot", 8001, "day-12-restart-butler"),
    **_service("WORKER", "butler-worker", 8002, "day-12-restart-workers"),
    **_service("API", "butler-api", 8000, "day-12-restart-api"),
    "RESTART_ALL": Key(command, "make day-12-restart-all"),
    "PROMETHEUS_URL": Key(http_url, "http://127.0.0.1:9090"),
    "ALERTMANAGER_URL": Key(http_url, "http://127.0.0.1:9093"),
    "GRAFANA_URL": Key(http_url, "http://127.0.0.1:3000"),
    "GRAFANA_USER": Key(word, "admin"),
    "GRAFANA_PASSWORD": Key(anything, secret=True),
    "GRAFANA_DASHBOARD_UID": Key(word, "slo-butler-bot"),
    "LOKI_URL": Key(http_url, "http://127.0.0.1:3100"),
    "HW_CHECKER_URL": Key(http_url, "https://hw-checker.example.com"),
    "MONGODB_URL": Key(mongo_url, secret=True),
    "MONGODB_DATABASE": Key(word, "butler"),
    "FLAG_DIALOG": Key(flag_name, "USE_NEW_DIALOG_CONTEXT_REPO"),
    "FLAG_HOMEWORK": Key(flag_name, "USE_NEW_HOMEWORK_REVIEW_SERVICE"),
    "FLAG_STORAGE": Key(flag_name, "USE_NEW_STORAGE_ADAPTER"),
    "FLAG_USE_CASE": Key(flag_name, "USE_DECOMPOSED_USE_CASE"),
    "STORAGE_ROOT": Key(path, "/var/butler/review_archives"),
    "LEGACY_STORAGE_ROOT": Key(path, "{STORAGE_ROOT}"),
    "STORAGE_OWNER": Key(owner, "butler:butler"),
    "STORAGE_MODE": Key(mode, "750"),
    "WATCH_DIRS": Key(paths, "{STORAGE_ROOT}/.."),
    "MAX_UPLOAD_BYTES": Key(count, str(100 * 2**20)),
    "MIN_FREE_BYTES": Key(count, str(10 * 2**30)),
    "CLAMD": Key(scanner, "unix:///var/run/clamav/clamd.ctl"),
    "SOAK_SECONDS": Key(optional(seconds), ""),
    "SCRAPE_INTERVAL_SECONDS": Key(seconds, "15"),
    "TRAFFIC_PER_MINUTE": Key(count, "60"),
    "STUDENT_IDS": Key(one_of("text", "numeric"), "text"),
    "TRACE_HEADER": Key(word_or_nothing, "traceparent"),
    "BACKUP_DIR": Key(path, "/backup"),
    "RESTART_TIMEOUT_SECONDS": Key(seconds, "60"),
    "HTTP_TIMEOUT_SECONDS": Key(seconds, "10"),
}
