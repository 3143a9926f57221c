"""Was the deployment good in staging? Read from the records of its runs (pre.technical.1). Pure but for reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from acceptance.record.history import Run, read_runs
from acceptance.record.times import parse
from acceptance.verdict import Outcome

#: How long staging must have been without an issue.
QUIET = timedelta(hours=48)


@dataclass(frozen=True)
class Staging:
    """What the records of staging say.

    Attributes:
        runs: How many there are.
        since: Start of the first GO after the last run that was none; None when the last one was none.
        last: Folder and outcome of the last run.
    """

    runs: int
    since: datetime | None
    last: str

    def faults(self, now: datetime) -> list[str]:
        """Name what keeps staging from being good for 48 hours."""
        if self.since is None:
            return [f"expected the last of {self.runs} staging runs to end GO, found {self.last}"]
        if now - self.since < QUIET:
            hours = (now - self.since).total_seconds() / 3600
            return [
                f"expected staging to be good for 48 hours, found {hours:.1f}, since {self.since:%Y-%m-%d %H:%M} UTC"
            ]
        return []


def staging_runs(reports: Path, name: str = "staging") -> Staging | None:
    """Read the records below ``reports``; None when there is none of the target ``name``."""
    runs = [run for run in read_runs(reports)[0] if run.target == name]
    if not runs:
        return None
    good: list[Run] = []
    for run in reversed(runs):
        if run.outcome is not Outcome.GO:
            break
        good.append(run)
    since = parse(good[-1].started_at) if good else None
    return Staging(len(runs), since, f"{runs[-1].outcome} ({runs[-1].folder})")
