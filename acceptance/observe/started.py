"""Tell when the processes of a service started: by its metric, Docker, systemd, `/proc` or a command.

A service need not export `process_start_time_seconds`. What shows its start is a key of the target file.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from os import sysconf
from pathlib import Path

from acceptance.finding import Finding
from acceptance.gates.series import SAME_START_S
from acceptance.observe.prometheus import Prometheus
from acceptance.process import answer
from acceptance.redact import cut
from acceptance.target.model import Service, Target
from acceptance.verdict import Inconclusive

# Read once: worked out anew, they would move with each correction of the clock, and an old process would look newer.
_BOOT = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
_MONOTONIC = time.time() - time.monotonic()


def starts(service: Service, target: Target, prometheus: Prometheus, at: float | None = None) -> list[float]:
    """Give the start times (unix seconds) of the service's processes, the oldest first; empty for none.

    Args:
        service: Whose.
        target: Where.
        prometheus: Asked where a metric shows them.
        at: As of when, unix seconds, by a metric; now by default, and always by all else.

    Raises:
        Inconclusive: What shows them cannot be asked, or does not answer with times.
    """
    kind, _, rest = service.started.partition(":")
    if kind == "metric":
        return prometheus.process_starts(service.job, at)
    return sorted(_ASK[kind](rest, target))


def shown_by(service: Service) -> str:
    """Say what shows the start of a service's processes."""
    if service.started == "metric":
        return f"Prometheus (process_start_time_seconds of job {service.job})"
    return f"«{service.started}»"


def restarted_since(
    born: float, service: Service, target: Target, prometheus: Prometheus, kind: str = "restarted by itself"
) -> list[Finding]:
    """Name the processes of a service that are newer than the one that it had at a time (its start, unix seconds).

    Raises:
        Inconclusive: No process is seen now, or they cannot be asked for.
    """
    now = starts(service, target, prometheus)
    if not now:
        raise Inconclusive(f"expected a running process of {service.name} by {shown_by(service)}, found none")
    told = f"the process of {clock(born)} to run on"
    return [Finding(kind, service.name, told, clock(start)) for start in now if start > born + SAME_START_S]


def clock(at: float, form: str = "%H:%M:%S") -> str:
    """Show a start time; one that no clock shows, such as a metric in milliseconds gives, as the number that it is."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):{form}} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at:g} unix seconds"


def _docker(names: str, target: Target) -> Iterator[float]:
    # A container that ends at once and is started again and again is "Running" in between, without a process. As JSON,
    # for Podman would print the time in a form of its own.
    form = "{{if .State.Pid}}{{json .State.StartedAt}}{{end}}"
    return _times(["docker", "inspect", "--type", "container", "--format", form, *names.split()], target)


def _systemd(units: str, target: Target) -> Iterator[float]:
    """Ask systemd in the monotonic clock, which no time zone and no correction of the clock moves."""
    properties = "ActiveState,MainPID,ExecMainStartTimestampMonotonic"
    command = ["systemctl", "show", "--property", properties, *units.split()]
    for block in answer(command, target.infra_dir, target.http_timeout_s).split("\n\n"):
        facts = dict(line.partition("=")[::2] for line in block.splitlines())
        # A unit that only starts others, such as one of Compose, stays active when its process has ended.
        if facts.get("ActiveState") == "active" and facts.get("MainPID", "0") != "0":
            yield int(facts["ExecMainStartTimestampMonotonic"]) / 1e6 + _MONOTONIC


def _process(pattern: str, _: Target) -> Iterator[float]:
    """Read the start of each process whose command line matches; a forked worker counts as one of its own."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if re.search(pattern, line):
                ticks = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
                yield _BOOT + ticks / sysconf("SC_CLK_TCK")
        except OSError:
            continue  # ended meanwhile


def _command(words: str, target: Target) -> Iterator[float]:
    return _times(shlex.split(words), target)


_ASK: Mapping[str, Callable[[str, Target], Iterator[float]]] = {
    "docker": _docker,
    "systemd": _systemd,
    "process": _process,
    "command": _command,
}


def _times(command: list[str], target: Target) -> Iterator[float]:
    """Read one time from each word of a command's output: unix seconds, or ISO 8601 with a zone."""
    for word in answer(command, target.infra_dir, target.http_timeout_s).split():
        text = word.strip('"')
        try:
            yield float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else _moment(text)
        except ValueError as error:
            expected = "unix seconds or ISO 8601 with a zone, one for each process"
            raise Inconclusive(f"«{shlex.join(command)}»: expected {expected}, found {cut(text, 80)!r}") from error


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment.astimezone(UTC).timestamp()
