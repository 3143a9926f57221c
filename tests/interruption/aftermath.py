"""What is left of a run: flags, services, test data, journal, processes."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx

from acceptance.conduct.journal import Journal
from acceptance.observe.collections import OWNED
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, RecoveryNeeded

MARK = "INTERRUPTION_MARK"
PREFIX = re.compile(r"ops[0-9a-f]{8}")
"""A run's prefix: what carries it is test data."""
_TICKS = os.sysconf("SC_CLK_TCK")


def processes(mark: str) -> dict[int, str]:
    """The processes of a run, by the mark in their environment; what supervisord keeps has none."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def faults_left(target: Target, mark: str, env_before: bytes, restarted: str = "lab.api") -> list[str]:
    """Say what a run did not leave as it was; empty when all is well. Does not look at the journal.

    ``restarted`` is the module of the service whose flag was switched.
    """
    left = poll(lambda: processes(mark), lambda found: not found, 60)
    faults = [f"process {pid} is still there: {command[:100]}" for pid, command in left.items()]
    if target.env_file.read_bytes() != env_before:
        faults.append("the env file is not as it was")
    for service in target.services.values():
        if not poll(partial(_healthy, service.url), bool, 10):
            faults.append(f"{service.name} is not healthy")
    prometheus = Prometheus(target.prometheus_url, target.http_timeout_s)
    if down := poll(lambda: _down(prometheus), lambda found: not found, 10):
        faults.append(f"Prometheus sees down: {down}")
    return faults + stale(target, restarted) + leftovers(target)


def stale(target: Target, module: str) -> list[str]:
    """Name a service that started before the env file last changed: it may run with what was undone."""
    changed = target.env_file.stat().st_mtime
    started = max(map(_started, _of_lab(target, module)), default=0.0)
    return [f"{module} started {changed - started:.2f} s before the env file was restored"] * (started < changed)


def leftovers(target: Target) -> list[str]:
    """Name the test data that is still there."""
    ours = {"$regex": f"^{PREFIX.pattern}"}
    with database(target) as mongo:
        counts = {
            f"{name}.{field}": mongo[name].count_documents({field: ours})
            for name, fields in OWNED.items()
            for field in fields
        }
    files = [path for path in target.storage.root.rglob("*") if PREFIX.search(path.name)]
    return [f"{count} documents in {name}" for name, count in counts.items() if count] + [
        f"{path} is still there" for path in files[:3]
    ]


def journal_fault(target: Target) -> list[str]:
    """Say what is wrong with the journal; empty when it is closed or was never opened."""
    journal = Journal(target.journal_file, "matrix")
    try:
        if journal.is_closed():
            return []
        return [f"the journal is open; pending: {[entry.what for entry in journal.pending()]}"]
    except RecoveryNeeded as error:
        return [str(error)]


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _down(prometheus: Prometheus) -> list[str]:
    try:
        return prometheus.down_targets()
    except Inconclusive as error:
        return [str(error)]


def _of_lab(target: Target, module: str) -> Iterator[Path]:
    home = f"LAB_HOME={target.source.parent}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if module.encode() in (entry / "cmdline").read_bytes() and home in (entry / "environ").read_bytes():
                yield entry


def _started(entry: Path) -> float:
    """Start of a process, unix seconds, exact to a tick."""
    ticks = int((entry / "stat").read_text().rpartition(")")[2].split()[19])
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - up + ticks / _TICKS
