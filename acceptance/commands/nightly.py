"""Run the nightly run to its end; decide whether to post, and which old records to remove (`scripts/ops/nightly.py`).

A channel that hears the same line every night is read by nobody: a post is made only when the outcome is another one
than the night before.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from acceptance.commands.interruption import SIGNALS
from acceptance.record.formatting import parse
from acceptance.record.history import Run
from acceptance.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Night:
    """How one nightly run ended.

    Attributes:
        exit_code: That of pytest, or of the suite above pytest's own.
        outcome: In the word of its page; empty where the run left no record, such as when it was refused.
        reason: The first reason, in one line.
        folder: The record's folder below the reports; empty where there is none.
        bad: The stages that failed or had no data: another one than the night before is news too.
    """

    exit_code: int
    outcome: str = ""
    reason: str = ""
    folder: str = ""
    bad: str = ""

    def same_as(self, other: Night | None) -> bool:
        """Tell whether nothing changed since the other night: the same outcome, exit code and stages that are bad."""
        return other is not None and replace(self, reason="", folder="") == replace(other, reason="", folder="")

    def post(self, target: str, before: Night | None) -> str:
        """Write the post: what it is now, what it was, why, and where to read on."""
        was = f" (before: {before._told()})" if before else ""
        why = f": {self.reason}" if self.reason else ""
        where = f"\nRecord: {self.folder}/record.html" if self.folder else "\nNo record: read the output of the run."
        return f"Nightly acceptance of {target}: {self._told()}{was}{why}{where}"

    def _told(self) -> str:
        bad = f" in {self.bad}" if self.bad else ""
        return f"{self.outcome or 'NO RECORD'}{bad}, exit {self.exit_code}"


def absolute(target: str) -> str:
    """Name a target file as the run finds it, which has another current folder; a name in targets/ stays."""
    path = Path(target).expanduser()
    return str(path.resolve()) if ("/" in target or path.suffix == ".env") and path.is_file() else target


def name_of(target: str) -> str:
    """Give the target's name, which the files of its nights have in theirs."""
    return Path(target).name.removesuffix(".env")


def run_to_its_end(command: Sequence[str], folder: Path) -> int:
    """Run a command, pass the ending signals on to it, and give its exit code.

    Whoever stops a service kills what is left of it once its first process is gone: ending before the run has rolled
    back would leave its flag on.
    """
    with subprocess.Popen(command, cwd=folder, process_group=0) as run:  # else Ctrl-C would reach it twice
        for each in SIGNALS:
            signal.signal(each, lambda number, _: run.send_signal(number))  # guard: a-nights-run-is-told-to-end
        return run.wait()


def night_of(exit_code: int, before: Sequence[Run], after: Sequence[Run]) -> Night:
    """Find the run that is in the later reading of the reports and not in the earlier one."""
    known = {run.folder for run in before}
    new = [run for run in after if run.folder not in known]
    if not new:
        return Night(exit_code)
    run, wrong = new[-1], (Verdict.FAIL, Verdict.INCONCLUSIVE)
    bad = ", ".join(stage for stage, verdict in run.stages.items() if verdict in wrong)
    return Night(exit_code, run.word, run.reason, run.folder, bad)


def last_night(state: Path) -> Night | None:
    """Read how the night before ended; None where nothing readable is there, so that the next post is made."""
    try:
        return Night(**json.loads(state.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remember(state: Path, night: Night) -> None:
    """Write how this night ended.

    Raises:
        OSError: The folder cannot be written.
    """
    state.write_text(json.dumps(asdict(night), indent=1) + "\n", encoding="utf-8")


def expired(runs: Sequence[Run], keep_days: int, now: datetime, told: Collection[str]) -> list[Run]:
    """Name the rehearsals that are older than `keep_days`, but those that somebody may still ask for.

    Those are deployments, runs with a ticket, failed rollbacks, runs of which a text was sent, and the last run and the
    last GO of each target.

    Args:
        runs: All that could be read, oldest first. A folder that could not be read is not ours to remove.
        keep_days: How long a rehearsal is kept.
        now: The present, aware.
        told: Ids of the runs of which a text was sent.
    """
    last = {run.target: run.folder for run in runs}
    last_go = {run.target: run.folder for run in runs if run.outcome is Outcome.GO}
    old = [run for run in runs if (at := parse(run.started_at)) and at < now - timedelta(days=keep_days)]
    asked_for = [run for run in old if run.mode == "deploy" or run.ticket or run.rollback_failed or run.run_id in told]
    kept = {*last.values(), *last_go.values(), *(run.folder for run in asked_for)}
    return [run for run in old if run.folder not in kept]
