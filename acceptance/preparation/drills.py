"""Read what staging has proved: rollback drills (pre.technical.2), and checklist lines that passed there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acceptance.checklist import State
from acceptance.finding import Finding
from acceptance.preparation.staging import STAGING
from acceptance.record.formatting import parse
from acceptance.record.history import read_runs
from acceptance.record.publish import DRILL
from acceptance.run_folder import NAME
from acceptance.verdict import Inconclusive

OLDEST = timedelta(days=30)
"""What staging proved longer ago is of another release."""


AGAIN = "repeat that drill (scripts/ops/rollback_drill.py), and move the torn account away"


@dataclass(frozen=True)
class Drilled:
    """One rollback drill; `findings` is empty for a good one, `seconds` None where nothing was rolled back."""

    stage: str
    at: datetime
    seconds: float | None
    findings: tuple[str, ...]
    folder: str

    def told(self, now: datetime) -> str:
        """Say it in one line."""
        took = "not rolled back" if self.seconds is None else f"rolled back in {self.seconds:.1f} s"
        return f"{self.stage}: {took}, {age(now - self.at)} ago ({self.folder})"


def last_drills(reports: Path) -> dict[str, Drilled]:
    """Give the newest drill of each stage in staging.

    Raises:
        Inconclusive: An account that is newer than one of them cannot be read: the drill that it is of may be the last.
    """
    found, torn = [], []
    for path in reports.glob(f"*/{DRILL}"):
        try:
            found += [drill] if (drill := _drilled(path)) else []
        except (OSError, ValueError, LookupError, TypeError) as error:
            name = NAME.fullmatch(path.parent.name)
            torn += [] if name and name[1] != STAGING else [(_written(path), f"{path}: {error}")]
    last = {each.stage: each for each in sorted(found, key=lambda each: each.at)}
    if late := [told for at, told in torn if any(at > each.at for each in last.values())]:
        raise Inconclusive(
            f"expected to read each rollback drill's account, found one that is torn: {late[0]}; {AGAIN}"
        )
    return last


def drill_findings(drills: Mapping[str, Drilled], stages: Iterable[str], now: datetime) -> list[Finding]:
    """Name the drills that were not good.

    Raises:
        Inconclusive: None was bad, but a stage has no drill that is new enough.
    """
    want, step = "the old behaviour back in time", "find the cause, then repeat it: scripts/ops/rollback_drill.py"
    bad = [
        Finding("rollback drill", each.told(now), want, "; ".join(each.findings) or "no rollback", next_step=step)
        for each in drills.values()
        if each.findings or each.seconds is None
    ]
    missing = [name for name in stages if name not in drills or not timedelta() <= now - drills[name].at <= OLDEST]
    if missing and not bad:
        told = "; ".join(each.told(now) for each in drills.values())
        raise Inconclusive(
            f"expected a rollback drill of the last {OLDEST.days} days for {', '.join(missing)}, found {told}; run "
            "scripts/ops/rollback_drill.py in staging"
        )
    return bad


def passed_in_staging(reports: Path, item: str, now: datetime) -> tuple[str, datetime, State] | None:
    """Give folder, time and state of the last staging run that checked a line, not older than 30 days; else None."""
    runs, _ = read_runs(reports)
    for run in reversed(runs):
        began, state = parse(run.started_at), run.lines.get(item, State.NOT_RUN)
        if run.target == STAGING and state is not State.NOT_RUN and began and timedelta() <= now - began <= OLDEST:
            return run.folder, began, state
    return None


def age(passed: timedelta) -> str:
    """Say how long ago something was."""
    hours = passed / timedelta(hours=1)
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _drilled(path: Path) -> Drilled | None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    at, seconds = datetime.fromisoformat(raw["at"]), raw["rollback_s"]
    if raw["environment"] != STAGING:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{raw['at']} names no zone")
    limit = raw["allowed_s"]
    late = [f"took {seconds:.1f} s, allowed {limit:g} s"] if seconds is not None and seconds > limit else []
    return Drilled(raw["stage"], at.astimezone(UTC), seconds, (*map(str, raw["findings"]), *late), path.parent.name)


def _written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.max.replace(tzinfo=UTC)
