"""One mutant: a copy of the lab with it, the stage that owns the code run against it, and what the suite said."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from held_lab import ROOT, SHORT, retold
from power.stage_run import StageRun, run_stage

from acceptance.conduct.provider import start_provider
from acceptance.verdict import Refused
from mutants.places import Owner, Place, statement_lines

IN_TELEGRAM = {"RESTART_TIMEOUT_SECONDS": "60"}
"""To import aiogram takes four seconds of a processor, at each start of the bot."""
TRACER = Path(__file__).with_name("tracer.py")

Line = tuple[str, int]


@dataclass(frozen=True)
class Control:
    """A run where nothing is mutated.

    Attributes:
        fault: What was wrong with it; else each mutant would seem to be caught.
        reached: The services' lines that it executed.
    """

    fault: str
    reached: frozenset[Line]

    def reaches(self, place: Place) -> bool:
        """Tell whether the statement of a place was executed: what nothing executes, nothing can notice."""
        lines = statement_lines((ROOT / place.file).read_text(encoding="utf-8"), place.line)
        return any((place.file, line) in self.reached for line in lines)


@dataclass(frozen=True)
class Result:
    """How a trial ended.

    Attributes:
        place: The mutation.
        ended: `caught`, `survived`, `not reached` (neither the stage nor a unit test executes it), `does not start` (no
            lab came up: a deployment would not have, either).
        by: The first check or trigger, or unit test, that was not good.
        reason: What it said.
        seconds: Of the whole trial.
        change: The mutated line, before and after.
    """

    place: Place
    ended: str
    by: str
    reason: str
    seconds: float
    change: str

    def as_json(self) -> dict[str, Any]:
        """Give the form of the ledger."""
        return asdict(self)


def trial(place: Place, control: Control) -> Result:
    """Run the stage that owns a place against a lab that is mutated there."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as made:
        folder = Path(made)
        change = _copy_with(place, folder)
        if not control.reaches(place):
            return Result(place, "not reached", "", "", 0.0, change)
        try:
            run = _run(folder, place.owner)
        except (Refused, subprocess.TimeoutExpired) as error:
            return Result(place, "does not start", "", str(error)[-300:], time.monotonic() - begin, change)
        ended = "survived" if run.code == 0 and run.outcome == "GO" else "caught"
        return Result(place, ended, run.first_red, run.reason[:300], time.monotonic() - begin, change)


def control(owner: Owner) -> Control:
    """Run a stage where nothing is mutated, and note which lines of the services it executes."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as made:
        folder, package = Path(made), Path(made) / "lab" / "__init__.py"
        _copy(folder)
        package.write_text(f"{package.read_text(encoding='utf-8')}\n{TRACER.read_text(encoding='utf-8')}")
        try:
            run = _run(folder, owner)
        except (Refused, subprocess.TimeoutExpired) as error:
            return Control(str(error)[-300:], frozenset())
        seen = (line.rpartition(":") for file in folder.glob("reached-*") for line in file.read_text().splitlines())
        return Control("" if run.outcome == "GO" else run.explain(), frozenset((name, int(n)) for name, _, n in seen))


def _copy(folder: Path) -> None:
    shutil.copytree(ROOT / "lab", folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))


def _copy_with(place: Place, folder: Path) -> str:
    _copy(folder)
    file = folder / place.file
    before = file.read_text(encoding="utf-8")
    after = place.mutated(before)
    file.write_text(after, encoding="utf-8")
    return changed(before, after)


def changed(before: str, after: str) -> str:
    """Give the first line that differs, before and after."""
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((f"{old.strip()} -> {new.strip()}" for old, new in lines if old != new), "a line went")


def _run(folder: Path, owner: Owner) -> StageRun:
    command = f"{sys.executable} -m lab serve --dialog={owner.dialog}"
    settings = SHORT | (IN_TELEGRAM if owner.dialog == "telegram" else {})
    provider = start_provider(command, folder, folder / "lab.log")
    try:
        return run_stage(retold(provider.target_file, "short", **settings), folder / "reports", stage=owner.stage)
    finally:
        provider.end()
