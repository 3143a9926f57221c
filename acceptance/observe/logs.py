"""The services' logs, wherever the target keeps them: a file, Docker, or journald.

Source: checklist items 21_01a.monitor.2, 21_01c.monitor.2 (``docker logs butler-api --since 20m | grep ...``).
Loki is read by ``acceptance.observe.loki``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from acceptance.verdict import Inconclusive


@dataclass(frozen=True)
class LogLine:
    """One JSON log line. ``fields`` holds the whole object."""

    at: datetime
    event: str
    level: str
    trace_id: str
    fields: Mapping[str, Any]

    def mentions(self, token: str) -> bool:
        """Tell whether any of its values holds ``token``."""
        return any(token in str(value) for value in self.fields.values())

    def brief(self) -> str:
        """Give time, level, event and message for an assertion message."""
        message = self.fields.get("message", "")
        return f"{self.at:%H:%M:%S} {self.level} {self.event} {message}".strip()


class Logs:
    """The log of one service.

    Args:
        source: ``file:///path``, ``docker://container`` or ``journald://unit``, from the target file.
    """

    def __init__(self, source: str, timeout_s: float = 30) -> None:
        self.source = source
        self._timeout_s = timeout_s

    def since(self, start: datetime, events: Iterable[str] = ()) -> list[LogLine]:
        """Give the lines written at or after ``start``, all or only those of the named events.

        Raises:
            Inconclusive: The source cannot be read, or holds no line at all from which to tell
                that logging works.
        """
        wanted = frozenset(events)
        seen = 0
        found = []
        for line in self._lines(start):
            seen += 1
            if line.at >= start and (not wanted or line.event in wanted):
                found.append(line)
        if not seen:  # guard: log-that-is-empty
            raise Inconclusive(
                f"{self.source} holds no JSON log line: expected the service's log there; "
                "an empty log proves nothing, check the *_LOGS key of the target file"
            )
        return found

    def _lines(self, start: datetime) -> Iterator[LogLine]:
        parts = urlsplit(self.source)
        if parts.scheme == "file":
            return _parse(_file_lines(Path(parts.path)))
        stamp = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if parts.scheme == "docker":
            return _parse(self._command(["docker", "logs", parts.netloc, "--since", stamp]))
        if parts.scheme == "journald":
            since = start.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            return _parse(self._command(["journalctl", "-u", parts.netloc, "-o", "cat", "--since", since]))
        raise Inconclusive(f"{self.source}: expected file://, docker:// or journald://; correct the target file")

    def _command(self, argv: list[str]) -> Iterable[str]:
        try:
            # The real services write to stderr; docker keeps the two apart.
            done = subprocess.run(
                argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=self._timeout_s, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Inconclusive(f"«{' '.join(argv)}» did not give the log: {error}") from error
        text = done.stdout.decode(errors="replace")
        if done.returncode:
            raise Inconclusive(f"«{' '.join(argv)}» ended with {done.returncode}: {text[-300:]}")
        return text.splitlines()


def _file_lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from stream
    except OSError as error:
        raise Inconclusive(f"{path}: the log cannot be read ({error}); check the *_LOGS key") from error


def _parse(lines: Iterable[str]) -> Iterator[LogLine]:
    """Parse JSON lines.

    A line that is not JSON (a stack trace, a line wrapped at 80 columns) takes the time of the one before;
    it is kept as an error when it reads like one, so that a crash outside the logger is not overlooked.
    """
    last = datetime.fromtimestamp(0, UTC)
    for line in lines:
        try:
            fields = json.loads(line)
            at = datetime.fromisoformat(fields["timestamp"])
        except (ValueError, KeyError, TypeError):
            if any(word in line for word in ("Traceback", "ERROR", "CRITICAL")):
                yield LogLine(last, "unparsed", "ERROR", "", {"message": line.strip()})
            continue
        last = at if at.tzinfo else at.replace(tzinfo=UTC)
        text = {name: str(fields.get(name, "")) for name in ("event", "level", "trace_id")}
        yield LogLine(at=last, fields=fields, **text)
