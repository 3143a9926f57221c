"""A target small enough to be killed a thousand times: an env file, one service, two files of test data."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import acceptance.conduct.cleanup
import acceptance.conduct.old_path_proof
import acceptance.conduct.undo
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import Owner, TargetLock
from acceptance.conduct.services import Restarted, Restarter
from acceptance.conduct.stage_state import Mode
from acceptance.conduct.testdata import Purged
from acceptance.conduct.undo import recover
from acceptance.envfile.file import EnvFile
from acceptance.events import EventLog
from acceptance.probes import user_path
from acceptance.stage import Stage
from acceptance.target.loading import load_target
from acceptance.target.model import Target

STAGE = Stage("21_01c", "Storage Abstraction", 50, service="api", flag="USE_NEW_STORAGE_ADAPTER")
FLAG = "USE_NEW_STORAGE_ADAPTER"
EARLIER = "USE_WHAT_AN_EARLIER_RUN_ACCEPTED"
PREFIX = "ops0123abcd"
BEFORE = f"# flags\nexport {FLAG}=false  # storage\nOTHER=1\n"
CORE = (
    *("conductor", "intents", "stage_state", "rollback", "cleanup", "undo", "old_path_proof", "journal", "testdata"),
    *("best_effort_log", "lock", "file", "atomic", "disk", "small_world"),
)
"""Where a kill is tried: at every line of these that is executed, the first two times that it is."""

Moment = tuple[str, int, int]
"""Module, line, and the how manieth time."""
Trace = Any


class World(Restarter):
    """The target's state: what its flag is, and with which value its service runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = folder / ".env.infra"
        self.running = folder / "running"
        file = folder / "here.env"
        file.write_text(
            f"TARGET_NAME=here\nTARGET_KIND=staging\nALLOW_MUTATIONS=true\nINFRA_DIR={folder}\nENV_FILE={self.env}\n"
            f"MONGODB_URL=mongodb://127.0.0.1:1/\nGRAFANA_PASSWORD=grafana-pw\n"
            "PROMETHEUS_URL=http://127.0.0.1:1\n"
        )
        self.env.write_text(BEFORE)
        self.target = load_target(file)
        self.journal_file = self.target.journal_file

    def reset(self) -> None:
        """Make everything as before the first run."""
        for path in (*self.data(), self.journal_file, self.events):
            path.unlink(missing_ok=True)
        earlier = Journal(self.journal_file, "run-0")
        earlier.open()
        earlier.settle(0, "accepted", [EARLIER])
        earlier.close()
        self.env.write_text(BEFORE)
        self.running.write_text("false")

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    def data(self) -> list[Path]:
        return list(self.folder.glob(f"{PREFIX}*"))

    def restart(self, key: str, *, need_proof: bool = True) -> tuple[Restarted, ...]:
        """Stop the service and start it with the flag as it stands in the env file."""
        self.running.write_text("down")
        self.running.write_text(str(EnvFile(self.env).flag(FLAG)).lower())
        return (Restarted("butler-api", "make restart", 0, "", 1.0, 2.0, 0.1),)

    def database(self) -> AbstractContextManager["World"]:
        """Stand in for MongoDB, which the user of the proof needs."""
        return nullcontext(self)

    def command(self, what: str) -> None:
        """Answer it."""

    def purge(self, target: Target, prefix: str, escapes: object = None) -> Purged:
        """Stand in for the purge of archives and documents."""
        found = self.data()
        for path in found:
            path.unlink(missing_ok=True)
        return Purged(0, len(found))

    def rehearsal(self) -> None:
        """One run that changes everything it can and undoes it."""
        self._run("rehearse", accept=False)

    def deployment(self) -> None:
        """One run that keeps its flag on."""
        self._run("deploy", accept=True)

    def _run(self, mode: Mode, accept: bool) -> None:
        with TargetLock(self.target.journal_dir, Owner.here("run-1"), self.target.env_file) as lock:
            journal = Journal(self.journal_file, "run-1")
            recover(self.target, journal, None, self)
            journal.open()
            conductor = Conductor(
                self.target, journal, EventLog(self.events), self, mode, lost=lock.lost, prefix=PREFIX
            )
            conductor.expect_data(PREFIX)
            for number in range(2):
                (self.folder / f"{PREFIX}-{number}").touch()
            conductor.set_flag(STAGE, False)
            conductor.set_flag(STAGE, True)
            if accept:
                conductor.accept("21_01c")
            conductor.end_stage("21_01c")
            conductor.finish("over")

    def recovery(self) -> None:
        """What the next run does first."""
        with TargetLock(self.target.journal_dir, Owner.here("run-2"), self.target.env_file):
            journal = Journal(self.journal_file, "run-2")
            recover(self.target, journal, None, self)
            journal.open()
            journal.close()

    def faults(self, kept_allowed: bool = False) -> list[str]:
        """Say what is half-switched or left behind."""
        text, running = self.env.read_text(), self.running.read_text()
        whole = {(BEFORE, "false")}
        if kept_allowed:
            whole.add((BEFORE.replace("=false", "=true"), "true"))
        faults = [] if (text, running) in whole else [f"env file: {text!r}, the service runs with {running}"]
        journal = Journal(self.journal_file, "look")
        if not journal.is_closed():
            faults.append("the journal is open")
        if EARLIER not in journal.left_enabled():
            faults.append("what an earlier run left enabled is forgotten")
        return faults + [f"{path.name} is left" for path in self.data()]


def stand_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the world's own purge and metrics in place of MongoDB and Prometheus, which it does not have."""
    monkeypatch.setattr(acceptance.conduct.cleanup, "purge", world.purge)
    monkeypatch.setattr(acceptance.conduct.undo, "purge", world.purge)
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "still_exported", lambda *_, **__: set())
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "Clients", lambda *_: world)
    monkeypatch.setattr(user_path, "findings", lambda *_: [])
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "await_scrape", lambda *_: None)


def moments(act: Callable[[], object]) -> list[Moment]:
    """List the moments of ``act``: (module, line, occurrence), each line's first two."""
    seen: dict[tuple[str, int], int] = {}

    def look(module: str, line: int) -> bool:
        seen[module, line] = seen.get((module, line), 0) + 1
        return False

    _traced(act, look)
    return [(module, line, n) for (module, line), count in seen.items() for n in range(1, min(count, 2) + 1)]


def killed_at(act: Callable[[], object], moment: Moment) -> bool:
    """Do ``act`` in a process of its own that is killed at this moment; tells whether it came to that."""
    pid = os.fork()
    if pid == 0:
        seen = 0

        def look(module: str, line: int) -> bool:
            nonlocal seen
            seen += (module, line) == moment[:2]
            return seen == moment[2]

        def strike(module: str, line: int) -> None:
            if look(module, line):
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            _traced(act, strike)
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def _traced(act: Callable[[], object], look: Callable[[str, int], object]) -> None:
    def trace(frame: FrameType, event: str, _: object) -> Trace:
        module = Path(frame.f_code.co_filename).stem
        if module not in CORE:
            return None
        if event == "line":
            look(module, frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
