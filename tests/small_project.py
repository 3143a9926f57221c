"""Small projects of checks, each run in a process of its own against a lab."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.commands.interruption import SIGNALS
from acceptance.events import Event, read_events
from acceptance.stage_folders import flagged
from acceptance.target.loading import load_target

ROOT = Path(__file__).resolve().parents[1]
STAGE = """title = "{0.title}"
order = {0.order}
service = "{0.service}"
flag = "{0.flag}"
flag_key = "{0.flag_key}"
metrics = "{0.metrics}"
proof = "test_{phase}.py::{name}"
depends_on = {depends}
"""


def attentive() -> None:
    """Let signals reach a run also where we were started in the background or by nohup, which ignore them."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Finished:
    """A run that has ended."""

    code: int
    output: str
    events: list[Event]

    def verdicts(self) -> dict[str, str]:
        """Verdict by the test's bare name, in the order in which they finished."""
        done = (event.data for event in self.events if event.kind == "check.finished")
        return {data["nodeid"].rsplit("::", 1)[-1]: data["verdict"] for data in done}

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [event.data for event in self.events if event.kind == kind]

    @property
    def outcome(self) -> str:
        return str(self.of("run.finished")[-1]["outcome"])


def proof(phases: Mapping[str, str]) -> tuple[str, str]:
    """Phase and name of the first check that asks for `flag_on`; it stands for the one that proves the new path."""
    found = [(phase, name) for phase, body in phases.items() for name in re.findall(r"def (test_\w+)\(.*flag_on", body)]
    return found[0] if found else ("flag_on", "test_none")


class Project:
    """A folder with stages of a few lines each."""

    def __init__(self, folder: Path, lab: Path) -> None:
        self.folder, self.lab = folder, lab
        self.before: Sequence[str] = ()
        """Words before each command, such as those that act as another account."""
        self.target = load_target(lab)
        [plugins] = re.findall(r"pytest_plugins = \(.*?\)", (ROOT / "conftest.py").read_text(), re.DOTALL)
        (folder / "conftest.py").write_text(plugins)
        settings = 'testpaths = ["ops_tests"]\nenable_assertion_pass_hook = true\n'
        (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}")
        (folder / "ops_tests").mkdir()

    def stage(self, stage_id: str, depends: Sequence[str] = (), **phases: str) -> Project:
        folder = self.folder / "ops_tests" / f"stage_{stage_id}"
        folder.mkdir()
        real = next(stage for stage in flagged() if stage.id == stage_id)
        phase, name = proof(phases)
        text = STAGE.format(real, phase=phase, name=name, depends=list(depends))
        (folder / "stage.toml").write_text(text)
        (folder / "__init__.py").write_text("")
        for phase, body in phases.items():
            (folder / f"test_{phase}.py").write_text(f"import pytest, os, signal, time, pathlib\n{body}")
        return self

    def process(self, *args: str, **environment: str) -> dict[str, Any]:
        """What `Popen` needs to run the project; without Hypothesis' plugin, which no user has and which is slow."""
        options = [f"--target={self.lab}", f"--reports={self.folder / 'out'}", "-pno:hypothesispytest"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPS_"))}
        return {
            "args": [*self.before, sys.executable, "-m", "pytest", *options, *args],
            "cwd": self.folder,
            "env": kept | {"PYTHONPATH": str(ROOT)} | environment,
        }

    def start(self, *args: str, **environment: str) -> subprocess.Popen[str]:
        to = subprocess.PIPE
        options = {"stdin": subprocess.DEVNULL, "stdout": to, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(**self.process(*args, **environment) | options, preexec_fn=attentive)

    def run(self, *args: str) -> Finished:
        return self.finish(self.start(*args))

    def finish(self, process: subprocess.Popen[str]) -> Finished:
        output = process.communicate(timeout=300)[0]
        logs = sorted(self.folder.glob("out/*/events.jsonl"), key=lambda path: path.stat().st_mtime)
        return Finished(process.returncode, output, list(read_events(logs[-1])) if logs else [])

    def flags(self) -> list[str]:
        """The flags that are on in the lab's env file."""
        lines = self.target.env_file.read_text().splitlines()
        return sorted(line.partition("=")[0] for line in lines if line.startswith("USE_") and line.endswith("=true"))

    def journal_is_closed(self) -> bool:
        """Also where no run has begun on this lab yet."""
        journal = self.target.journal_file
        return not journal.exists() or '"op": "close"' in journal.read_text().splitlines()[-1]
