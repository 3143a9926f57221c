"""One run of a stage by its command line, and what its event log says of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from held_lab import ROOT

from acceptance.envfile.file import EnvFile
from acceptance.events import Event, read_events
from acceptance.target.loading import load_target


@dataclass(frozen=True)
class StageRun:
    """A run that has ended; ``folder`` is its record's, None when there is none."""

    code: int
    output: str
    seconds: float
    folder: Path | None
    events: tuple[Event, ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Give the data of all events of a kind, in order."""
        return [dict(event.data) for event in self.events if event.kind == kind]

    @property
    def outcome(self) -> str:
        """The run's last word, for the change manager."""
        return next((data["outcome"] for data in self.of("run.finished")), "none")

    @property
    def red(self) -> Iterator[tuple[str, str]]:
        """Give what was not good, in order: a check's bare name or ``trigger`` and its id, and the reason."""
        for event in self.events:
            data = event.data
            if event.kind == "trigger.fired":
                yield f"trigger {data['trigger']}", str(data["reason"])
            if event.kind == "check.finished" and data["verdict"] in ("FAIL", "INCONCLUSIVE"):
                yield bare(data), str(data["reason"])

    @property
    def judged(self) -> dict[str, tuple[str, str]]:
        """Give verdict and reason of each check, by its bare name; of those of one name the last one's."""
        return {bare(data): (data["verdict"], data["reason"]) for data in self.of("check.finished")}

    def unsaid(self, check: str, words: Iterable[str]) -> list[str]:
        """Give those words that a check, by its bare name, does not say: neither its reason nor its evidence."""
        found = [(data["reason"], data["evidence"]) for data in self.of("check.finished") if bare(data) == check]
        said = json.dumps(found, ensure_ascii=False)
        return [each for each in words if not holds(said, each)]

    @property
    def failed(self) -> dict[str, str]:
        """Give the bare names of the checks that were found bad, and not only without data, and why."""
        return {bare(data): data["reason"] for data in self.of("check.finished") if data["verdict"] == "FAIL"}

    @property
    def first_red(self) -> str:
        """Name what was the first to be not good."""
        return next(self.red, ("nothing", ""))[0]

    @property
    def reason(self) -> str:
        """Give the reason of the first that was not good."""
        return next(self.red, ("nothing", ""))[1]

    @property
    def red_items(self) -> set[str]:
        """Give the checklist items of everything that was not good."""
        bad = [data for data in self.of("check.finished") if data["verdict"] in ("FAIL", "INCONCLUSIVE")]
        return {item for data in [*bad, *self.of("trigger.fired")] for item in data["items"]}

    def all_green(self, items: Iterable[str]) -> list[str]:
        """Name those of some checklist items of which every check passed."""
        checks = self.of("check.finished")
        seen = {item: {data["verdict"] for data in checks if item in data["items"]} for item in items}
        return [item for item, verdicts in seen.items() if verdicts == {"PASS"}]

    @property
    def untold(self) -> list[str]:
        """Name the checks that passed and do not tell in a few lines what they expected and observed."""
        return [bare(data) for data in self.of("check.finished") if data["verdict"] == "PASS" and not _told(data)]

    def explain(self) -> str:
        """Give the end of the output, for an assertion message."""
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.output[-6000:]}"


def _told(data: Mapping[str, Any]) -> bool:
    lines = [line for claim in data["claims"] for line in claim.values()]
    return 2 <= len(lines) <= 16 and all(line and "\n" not in line for line in lines)


def holds(said: str, words: str) -> bool:
    """Tell whether a text holds some words; where a JSON log names an event, one of text has a sentence."""
    plain, sought = (text.replace("_", " ").lower() for text in (said, words))
    return sought in plain


def bare(said: Mapping[str, Any]) -> str:
    """Give a check's name without its file."""
    return str(said["nodeid"]).rsplit("::", 1)[-1]


def pytest_process(target: Path | str, reports: Path, *args: str, **environment: str) -> dict[str, Any]:
    """Give ``subprocess`` what it needs to run pytest against a target, as a user would, with all output in one."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "OPS_"))}
    # Hypothesis' plugin, which no user has, takes a third of a second to say nothing.
    plugins = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    options = [*plugins, f"--target={target}", f"--reports={reports}"]
    return {
        "args": [sys.executable, "-m", "pytest", *options, *args],
        "cwd": ROOT,
        "env": plain | environment,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }


def ended(code: int, output: str, seconds: float, reports: Path) -> StageRun:
    """Read the newest record of a run that has ended."""
    logs = sorted(reports.glob("*/events.jsonl"), key=lambda path: path.stat().st_mtime)
    events = tuple(read_events(logs[-1])) if logs else ()
    return StageRun(code, output, seconds, logs[-1].parent if logs else None, events)


def folder_of(stage: str) -> str:
    """Name a stage's folder, which is its marker too."""
    return f"stage_{stage}" if stage.startswith("21_") else stage


def run_stage(target: Path | str, reports: Path, *args: str, stage: str = "21_01c", **environment: str) -> StageRun:
    """Run ``pytest -m STAGE --target TARGET`` in a process of its own and read its record."""
    process = pytest_process(target, reports, f"-m{folder_of(stage)}", "-q", *args, **environment)
    start = time.monotonic()
    done = subprocess.run(**process, timeout=300, check=False)
    return ended(done.returncode, done.stdout, time.monotonic() - start, reports)


def left_over(target_file: Path) -> list[str]:
    """Say what a run did not undo: flags that are on, a journal that is open."""
    target = load_target(target_file)
    env = EnvFile(target.env_file)
    on = [f"{flag} is on" for flag in target.flags.values() if env.flag(flag)]
    journal = target.journal_file
    closed = not journal.exists() or '"op": "close"' in journal.read_text().splitlines()[-1]
    return on if closed else [*on, f"{journal} is not closed"]
