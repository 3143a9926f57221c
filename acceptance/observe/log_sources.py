"""Fetch the lines of a service's log from a file, Docker, journald or a command."""

from __future__ import annotations

import bz2
import gzip
import heapq
import json
import lzma
import math
import os
import re
import shlex
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from acceptance import tally
from acceptance.observe.log_entries import Raw
from acceptance.observe.log_lines import level_of
from acceptance.redact import cut_front
from acceptance.verdict import Inconclusive

CONTEXT = timedelta(minutes=2)
"""Read from so much earlier on: the first line of an entry may lie before the moment asked for."""

TAILS = (1 << 20, 16 << 20)
"""So many bytes of a file are read first, and then; all of it only where these do not reach back far enough."""

_OLDEST = 200
"""Lines at the start of a log within which one has a time."""

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) ")
_DATED = r"[._-]?\d{4}-?\d\d-?\d\d[\dT:._-]*"
"""How a rotated log's name ends; another number may be that of an instance."""
_ROTATES_S = 0.5
"""So long, in seconds, a log may be away that is renamed and begun anew."""
_SINCE = "{since}"
"""What stands in a command for the time from which on it is to print the log."""
_PIECES_WITHIN = timedelta(seconds=1)
"""So much later than the first piece of a long line its last may be read."""


def _unreadable(path: Path) -> Any:
    raise OSError(f"{path.name} was packed in a way that is not read here; unpack it")


_PACKED: Mapping[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    **dict.fromkeys((".zst", ".lz4", ".zip", ".Z"), _unreadable),
}
"""How what a log was rotated to is opened, by the end of its name."""


@dataclass(frozen=True)
class Written:
    """What a source holds.

    Attributes:
        lines: As they were written.
        ended: When the newest was written, where the source says so.
        whole: Whether the lines are all that the source holds, so that the first of them is where the log begins.
    """

    lines: list[Raw]
    ended: datetime | None = None
    whole: bool = True


def written(source: str, start: datetime, timeout_s: float, tail: int = 0) -> Written:
    """Read a log from some time before a moment on.

    Args:
        source: Where it lies.
        start: The moment.
        timeout_s: Longest time for Docker, journald and a command.
        tail: Read no more of a file than so many bytes at its end; 0 for all of it.

    Raises:
        Inconclusive: The source cannot be read.
    """
    tally.count("log")
    scheme, place = _parted(source)
    since = (start - CONTEXT).astimezone(UTC)
    if scheme == "file":
        return _of_files(Path(place), since, tail)
    if scheme == "docker":
        stamp = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        argv = ["docker", "logs", "--timestamps", "--since", stamp, place]
        # Read apart: printed into one, a line of one breaks into a long line of the other.
        streams = (map(_of_docker, filter(None, printed.split(b"\n"))) for printed in _output(argv, timeout_s))
        return Written(list(heapq.merge(*streams, key=_place)), whole=False)
    if scheme == "journald":
        argv = [*_journal(place), "--since", since.strftime("%Y-%m-%d %H:%M:%S UTC")]
        entries, told = _output(argv, timeout_s)
        if told and not entries:  # such as a hint that this account may not see it
            raise _no_log(argv, told)
        return Written(_of_journal(entries.split(b"\n")), whole=False)
    if scheme == "command":
        argv = _asking(place, since)
        printed, told = _output(argv, timeout_s)
        if told:  # errors of the service may be among it, or lines that are missing
            raise _no_log(argv, told, "on its standard error (add 2>&1 in a shell, or silence it): ")
        return Written(list(map(Raw, printed.decode(errors="replace").split("\n"))), whole=_SINCE not in place)
    raise Inconclusive(f"{source}: expected file://, docker://, journald:// or command:; correct the target file")


def oldest(source: str, timeout_s: float) -> list[Raw]:
    """Give the first lines that the log of a container or a unit holds, or that a command prints.

    Raises:
        Inconclusive: The source cannot be read.
    """
    scheme, place = _parted(source)
    if scheme == "command":
        lines = _first_of(_asking(place, datetime.fromtimestamp(0, UTC)), timeout_s)
        return [Raw(line.decode(errors="replace")) for line in lines]
    if scheme == "docker":
        return [_of_docker(line) for line in _first_of(["docker", "logs", "--timestamps", place], timeout_s)]
    return _of_journal(_first_of(_journal(place), timeout_s))


def _parted(source: str) -> tuple[str, str]:
    scheme, _, rest = source.partition(":")
    return scheme, rest.removeprefix("//")


def _asking(words: str, since: datetime) -> list[str]:
    return [word.replace(_SINCE, f"{since:%Y-%m-%dT%H:%M:%SZ}") for word in shlex.split(words)]


_FIELDS = ("MESSAGE", "PRIORITY", "_PID", "_STREAM_ID", "_LINE_BREAK")
"""What is asked of journald, besides the time of each entry."""


def _journal(unit: str) -> list[str]:
    # Without --all, a message of more than 4096 bytes, such as one with a traceback, is null.
    return ["journalctl", "-u", unit, "--all", "-o", "json", "--output-fields", ",".join(_FIELDS)]


def _of_files(path: Path, since: datetime, tail: int) -> Written:
    """Read a file and those rotated away since; a file that is missing is being rotated, so it is waited for."""
    again = Retrying(
        retry=retry_if_exception_type(FileNotFoundError),
        stop=stop_after_delay(_ROTATES_S),
        wait=wait_fixed(0.05),
        reraise=True,
    )
    try:
        return again(_at_once, path, since, tail)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Inconclusive(f"{path}: the log cannot be read ({error}); check the *_LOGS key") from error


def _at_once(path: Path, since: datetime, tail: int) -> Written:
    newest = _parts(path, since)[-1]
    status = newest.stat()
    if tail and status.st_size > tail:
        return Written(list(map(Raw, _end_of(newest, tail))), whole=False)
    last = _lines(newest)  # before the others: to one of them it may be rotated meanwhile
    before = (line for each in _parts(path, since) if each != newest for line in _lines(each))
    return Written(list(map(Raw, [*before, *last])), datetime.fromtimestamp(status.st_mtime, UTC))


def _parts(path: Path, since: datetime) -> list[Path]:
    """Give a log and what was rotated since, the oldest first: by number or by date, compressed or not.

    A log that has a date in its name itself goes on under the next one.
    """
    path = path.resolve(strict=True)  # a name without a date may be a link to the one of today
    stem = re.sub(f"{_DATED}$", "", path.stem)
    number, end, packed = r"[.-]\d[\dT:._-]*", re.escape(path.suffix), "|".join(map(re.escape, _PACKED))
    name = re.compile(rf"(?:{re.escape(path.name)}{number}|{re.escape(stem)}{_DATED}{end})(?:{packed})?")
    there = {each for each in path.parent.iterdir() if name.fullmatch(each.name)} - {path}
    being_packed = {each.with_name(f"{each.name}{kind}") for each in there for kind in _PACKED}
    times = {each: each.stat().st_mtime for each in there - being_packed}
    times = {each: at for each, at in times.items() if at >= since.timestamp()}
    times[path] = path.stat().st_mtime if stem != path.stem else math.inf
    return sorted(times, key=times.__getitem__)


def _lines(path: Path) -> list[str]:
    with _PACKED[path.suffix](path) if path.suffix in _PACKED else path.open("rb") as stream:
        content: bytes = stream.read()
    return content.decode(errors="replace").split("\n")


def _end_of(path: Path, tail: int) -> list[str]:
    with path.open("rb") as stream:
        stream.seek(-tail, os.SEEK_END)
        return stream.read().decode(errors="replace").split("\n")[1:]  # the first may be half a line


def _of_docker(line: bytes) -> Raw:
    """Read a line of `docker logs --timestamps`; Docker writes a time before each piece of a long line.

    Docker repeats the line's own time, Podman gives later ones; what a service writes was written before.
    """
    stamp, _, text = line.partition(b" ")
    if not (at := _stamped(stamp)):
        return Raw(line.decode(errors="replace"))

    def kept(piece: re.Match[bytes]) -> bytes:
        again = _stamped(piece[1])
        return b"" if again and at <= again < at + _PIECES_WITHIN else piece[0]

    return Raw(_STAMP.sub(kept, text).decode(errors="replace"), at)


def _stamped(text: bytes) -> datetime | None:
    if not _STAMP.fullmatch(text + b" "):
        return None
    with suppress(ValueError):  # a user's text may hold the 30th of February
        return datetime.fromisoformat(text.decode())
    return None


def _place(raw: Raw) -> float:
    return raw.at.timestamp() if raw.at else 0


def _of_journal(lines: Iterable[bytes]) -> list[Raw]:
    """Read entries of `journalctl -o json`; a line of more than 48 KiB is several of them."""
    found: list[Raw] = []
    begun: dict[str, tuple[int, bytes]] = {}
    for line in filter(None, lines):
        try:
            entry = json.loads(line)
            message = entry.get("MESSAGE") or ""
            # What is no printable UTF-8, such as a colour, comes as numbers.
            text = bytes(message) if isinstance(message, list) else str(message).encode()
            at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            found.append(Raw(line.decode(errors="replace")))
            continue
        level = level_of(entry.get("PRIORITY", ""), "syslog")
        if level == "INFO" and entry.get("_PID") != "1":  # what every unit's output gets; systemd means it
            level = ""
        stream = str(entry.get("_STREAM_ID", ""))
        number, before = begun.pop(stream, (len(found), b""))
        if number == len(found):
            found.append(Raw("", at, level))
        found[number] = replace(found[number], text=(before + text).decode(errors="replace"))
        if entry.get("_LINE_BREAK") == "line-max":
            begun[stream] = number, before + text
    return found


def _output(argv: list[str], timeout_s: float) -> tuple[bytes, bytes]:
    """Give what a command wrote to its output, and to its errors."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _no_log(argv, error) from error
    if done.returncode:
        raise _no_log(argv, done.stderr or done.stdout, f"ended with {done.returncode}: ")
    return done.stdout, done.stderr


def _no_log(argv: list[str], said: bytes | Exception, how: str = "") -> Inconclusive:
    told = cut_front(said.decode(errors="replace") if isinstance(said, bytes) else str(said), 300).strip()
    command, remedy = " ".join(argv), "run it by hand; correct the *_LOGS key of the target file, or the right to read"
    return Inconclusive(f"expected the log from «{command}», found: {how}{told or 'nothing'}; {remedy}")


def _first_of(argv: list[str], timeout_s: float) -> list[bytes]:
    """Read only the first lines of a command's output, and end the command."""
    try:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            stop = threading.Timer(timeout_s, running.kill)
            stop.start()
            try:
                lines = [line.rstrip(b"\n") for line in islice(running.stdout or (), _OLDEST)]
            finally:
                stop.cancel()
                running.kill()
    except OSError as error:
        raise _no_log(argv, error) from error
    return lines
