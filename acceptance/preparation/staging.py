"""Read from staging's records whether the deployment was good there (pre.technical.1). Pure but for reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acceptance.finding import Finding
from acceptance.record.formatting import parse
from acceptance.record.history import Run, Unreadable, read_runs
from acceptance.stage import place_of
from acceptance.verdict import Inconclusive, Outcome, Verdict

STAGING = "staging"
"""Name of the target that goes before production."""
WITHOUT_RESTART = timedelta(hours=48)
"""How long staging must have been without an issue."""


@dataclass(frozen=True)
class Staging:
    """What the records of staging say.

    Attributes:
        runs: How many there are.
        since: Start of the first GO after the last run that was none; None when the last one was none.
        last: Folder and outcome of the last run.
        newest: When the last run began; None where its record does not say.
        unread: Folders of later runs whose record cannot be read, each with the reason: nobody knows how they ended.
        unaccepted: Stages that were not accepted, or not the last time that they were tried.
    """

    runs: int
    since: datetime | None
    last: str
    unread: tuple[str, ...] = ()
    unaccepted: tuple[str, ...] = ()
    newest: datetime | None = None

    def findings(self, now: datetime) -> list[Finding]:
        """Name what keeps staging from being good for 48 hours.

        Raises:
            Inconclusive: Nothing of what can be read, but not every record since can be, nobody looked within these 48
                hours, or no record accepts a stage: a GO of some checks alone says nothing of a deployment.
        """
        if self.since is None:
            return [Finding("staging not good", f"the last of {self.runs} staging runs", "GO", self.last)]
        if now - self.since < WITHOUT_RESTART:
            hours = (now - self.since).total_seconds() / 3600
            told = f"{hours:.1f}, since {self.since:%Y-%m-%d %H:%M} UTC"
            return [Finding("staging not good", "staging", "it good for 48 hours", told)]
        if self.unread:
            raise Inconclusive(f"expected a record of every staging run since {self.since}, found {self.unread[0]}")
        if self.unaccepted:
            raise Inconclusive(
                f"expected every stage accepted in staging after its whole soak, found no record of {self.unaccepted}"
            )
        if self.newest is None or abs(now - self.newest) > WITHOUT_RESTART:
            raise Inconclusive(
                f"expected a staging run within the last 48 hours, found the last one at {self.newest}, so that nobody "
                "has looked since; run the suite on staging"
            )
        return []


def staging_runs(reports: Path, besides: str = "", stages: Iterable[str] = ()) -> Staging | None:
    """Read staging's records below `reports`; None when there is none.

    Args:
        reports: The folder of the records.
        besides: Name of the folder of the run that asks, which has no record yet.
        stages: Ids of those that must have been accepted.
    """
    found, broken = read_runs(reports)
    runs = [run for run in found if run.target == STAGING and run.mode != "survey" and not run.refused]
    if not runs:
        return None
    good: list[Run] = []
    for run in reversed(runs):
        if run.outcome is not Outcome.GO:
            break
        good.append(run)
    since = parse(good[-1].started_at) if good else None
    unread = _later((each for each in broken if Path(each.folder).name != besides), since) if since else ()
    last, unaccepted = f"{runs[-1].outcome} ({runs[-1].folder})", _unaccepted(runs, stages)
    return Staging(len(runs), since, last, unread, unaccepted, parse(runs[-1].started_at))


def _later(broken: Iterable[Unreadable], since: datetime) -> tuple[str, ...]:
    """Pick staging's runs that began after `since`, by the time in their folder's name."""
    named = re.compile(rf"{STAGING}-(\d{{8}}T\d{{6}})Z-\w+")
    times = {each: named.fullmatch(Path(each.folder).name) for each in broken}
    return tuple(
        f"{each.folder} ({each.why})"
        for each, found in times.items()
        if found and datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) > since
    )


def _unaccepted(runs: Sequence[Run], stages: Iterable[str]) -> tuple[str, ...]:
    """Pick the stages whose newest acceptance is not a PASS, or is in no record; a scaled soak accepts nothing."""
    newest = {
        place[0]: verdict
        for run in runs
        for nodeid, verdict in run.verdicts.items()
        if nodeid.endswith("::test_stage_is_accepted") and (place := place_of(nodeid))
        # guard: a-short-soak-proves-nothing-for-production
        if not (run.soak_seconds and verdict is Verdict.PASS)
    }
    return tuple(stage for stage in stages if newest.get(stage) is not Verdict.PASS)
