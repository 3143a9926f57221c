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
from mutants.places import Place

START_S = 90


@dataclass(frozen=True)
class Result:
    """How a trial ended.

    Attributes:
        place: The mutation.
        ended: `caught`, `survived`, `does not start` (no lab came up: a deployment would not have, either).
        by: The first check or trigger that was not good.
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


def trial(place: Place) -> Result:
    """Run the stage that owns a place against a lab that is mutated there."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as made:
        folder = Path(made)
        change = _copy_with(place, folder)
        try:
            run = _run(folder, place.stage)
        except (Refused, subprocess.TimeoutExpired) as error:
            return Result(place, "does not start", "", str(error)[-300:], time.monotonic() - begin, change)
        ended = "survived" if run.code == 0 and run.outcome == "GO" else "caught"
        return Result(place, ended, run.first_red, run.reason[:300], time.monotonic() - begin, change)


def control() -> str:
    """Say what is wrong where nothing is mutated, or nothing: else each mutant would seem to be caught."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as made:
        shutil.copytree(ROOT / "lab", Path(made) / "lab", ignore=shutil.ignore_patterns("__pycache__"))
        try:
            run = _run(Path(made), "21_01a")
        except (Refused, subprocess.TimeoutExpired) as error:
            return str(error)[-300:]
    return "" if run.outcome == "GO" else run.explain()


def _copy_with(place: Place, folder: Path) -> str:
    shutil.copytree(ROOT / "lab", folder / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / place.file
    before = file.read_text(encoding="utf-8")
    after = place.mutated(before)
    file.write_text(after, encoding="utf-8")
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((f"{old.strip()} -> {new.strip()}" for old, new in lines if old != new), "a line went")


def _run(folder: Path, stage: str) -> StageRun:
    command = f"{sys.executable} -m lab serve"
    provider = start_provider(command, folder, folder / "lab.log")
    try:
        return run_stage(retold(provider.target_file, "short", **SHORT), folder / "reports", stage=stage)
    finally:
        provider.end()
