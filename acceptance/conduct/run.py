"""Describe one run of the suite: who started it, on what, in which mode, and where its record goes."""

from __future__ import annotations

import json
import platform
import secrets
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from acceptance.conduct.stage_state import Mode
from acceptance.conduct.testdata import new_prefix, trace_prefix
from acceptance.events import EVENTS
from acceptance.people import login_name
from acceptance.target.model import Target


@dataclass(frozen=True)
class Run:
    """The facts of a run, shared by the test process, its workers and the watchdog.

    Attributes:
        id: UTC time of the start and four random hex digits; name of the record's folder.
        prefix: What every test user, session and archive of the run begins with.
        target_file: The target file read (for a provided target: the one that the provider wrote).
        folder: Where the record goes.
        socket: Address of the watchdog.
        outside_window: The reason for working outside the maintenance window, or empty.
    """

    id: str
    prefix: str
    target_file: Path
    mode: Mode
    folder: Path
    socket: Path
    operator: str
    ticket: str
    outside_window: str
    started: datetime

    @property
    def events(self) -> Path:
        """The run's event log."""
        return self.folder / EVENTS

    @property
    def trace_prefix(self) -> str:
        """First half (16 hex digits) of every trace id that the run sends: log lines with it are ours."""
        return trace_prefix(self.prefix)

    def save(self, path: Path) -> None:
        """Write the facts for the other processes."""
        path.write_text(json.dumps(asdict(self), default=str))

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text())
        paths = {name: Path(raw[name]) for name in ("target_file", "folder", "socket")}
        return cls(**raw | paths | {"started": datetime.fromisoformat(raw["started"])})


def new_run(
    target: Target, reports: Path, private: Path, *, mode: Mode, operator: str, ticket: str, outside_window: str
) -> Run:
    """Begin a run: make its record's folder below `reports` and name it."""
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    folder = reports / f"{target.name}-{run_id}"
    folder.mkdir(parents=True)
    return Run(
        id=run_id,
        prefix=new_prefix(target.student_ids),
        target_file=target.source,
        mode=mode,
        folder=folder,
        socket=private / "watchdog",
        operator=operator or login_name(),
        ticket=ticket,
        outside_window=outside_window,
        started=now,
    )


def surroundings(project: Path) -> dict[str, Any]:
    """Give what the record says of the machine and of the suite: host, python, commit."""
    git = subprocess.run(
        ["git", "--no-optional-locks", "-C", str(project), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "suite_version": _suite_version(),
        "host": platform.node(),
        "python": platform.python_version(),
        "commit": git.stdout.strip() or "not a git checkout",
    }


def _suite_version() -> str:
    try:
        return version("butler-acceptance")
    except PackageNotFoundError:
        return "not installed"
