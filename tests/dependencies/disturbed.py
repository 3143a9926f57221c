"""A run of a stage that is disturbed while it soaks, and the parts of its lab that fail under it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from held_lab import control
from power.stage_run import StageRun, ended, pytest_process
from production_lab import CLOCK

from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.target.loading import load_target
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive
from dependencies.faulty import Answer

SOAK = "ops_tests/stage_21_01c/test_soak.py"
DEADLINE_S = 150
"""No run may take longer, whatever fails under it."""


class Running:
    """A run by its command line; what it prints is read as it comes, so that its soak can be followed."""

    def __init__(self, target_file: Path, reports: Path, *args: str, **environment: str) -> None:
        self.reports = reports
        self._begin = time.monotonic()
        self._said: list[str] = []
        self.process: subprocess.Popen[str] = subprocess.Popen(
            **pytest_process(target_file, reports, *args, **environment)
        )
        self._reader = threading.Thread(target=lambda: self._said.extend(self.process.stdout or ()), daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._said)

    def soaking(self) -> Running:
        """Wait until the soak has been under way for two seconds."""
        seen = poll(self._soaks, lambda soaks: bool(soaks) or self.process.poll() is not None, DEADLINE_S)
        assert seen, f"there was no soak:\n{self.output}"
        return self

    def _soaks(self) -> re.Match[str] | None:
        return re.search(r"^soak 21_01c 0:(?!0[01])", self.output, re.MULTILINE)

    def finish(self, within_s: float = DEADLINE_S) -> StageRun:
        """Wait for the end, which must come in time."""
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"the run did not end within {within_s} s:\n{self.output}")
        self._reader.join()
        return ended(code, self.output, time.monotonic() - self._begin, self.reports)


@contextmanager
def running(target_file: Path, reports: Path, *args: str, **environment: str) -> Iterator[Running]:
    """Give a run that has begun; nothing of it is left, also when the test fails."""
    run = Running(target_file, reports, *args, **environment)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(DEADLINE_S)


@contextmanager
def restored(lab: Path, part: str) -> Iterator[None]:
    """Afterwards the part runs, and Prometheus and MongoDB answer as before."""
    try:
        yield
    finally:
        control(lab, "restart", part)
        assert poll(lambda: ailments(lab), lambda found: not found, 30) == []


@contextmanager
def awaited(target: Target, event: str) -> Iterator[None]:
    """Leave the block once the API has logged this event anew."""
    log = Path(target.services["api"].logs.removeprefix("file://"))
    before = log.stat().st_size
    yield
    seen = poll(lambda: f'"{event}"' in log.read_bytes()[before:].decode(), bool, 30)
    assert seen, f"the API did not log {event}"


def ailments(lab: Path) -> list[str]:
    """Say what of a lab's own monitoring and database is not well."""
    target = load_target(lab)
    try:
        with database(target) as mongo:
            mongo.client.admin.command("ping")
        return Prometheus(target.prometheus_url, 5).down_targets()
    except Inconclusive as error:
        return [str(error)]


def flap(lab: Path, part: str, times: int) -> None:
    """Stop a program for nearly three seconds and let it go on for one, again and again: half of the scrapes fail.

    A scrape that begins in a stop's last second is answered late, so two of a second each are the most in a row: an
    alert that waits for two seconds does not fire.
    """
    pid = int(control(lab, "pid", part))
    for _ in range(times):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(2.8)
        finally:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1)


def front(url: str, ahead: float = 0, late: Callable[[], float] = lambda: 0) -> Answer:
    """Answer as the Prometheus behind, whose clock seems to be these seconds ahead, and so many seconds late."""

    def answer(path: str) -> tuple[int, str, bytes]:
        time.sleep(late())
        got = httpx.get(url + path, timeout=10)
        body = got.content
        if ahead and "query=time" in path:
            scalar = [time.time() + ahead, str(time.time() + ahead)]
            body = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": scalar}}).encode()
        return got.status_code, got.headers["Content-Type"], body

    return answer


def settable_clock(folder: Path) -> dict[str, str]:
    """Give the environment of a run whose every process' clock is an hour ahead once ``folder/jump`` exists."""
    (folder / "sitecustomize.py").write_text(CLOCK)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "CLOCK_JUMPS_AT": str(folder / "jump")}
