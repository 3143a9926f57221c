"""Read the earlier runs of a deployment from their records: the same ticket on the same target."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from acceptance.disk import sha256_of
from acceptance.events import EVENTS, Event, TamperedLog, read_events
from acceptance.kinds import RunStarted
from acceptance.record.build import build
from acceptance.record.deployment import Deployment
from acceptance.record.documents import before_the_documents
from acceptance.record.order import Place, in_order
from acceptance.record.publish import MANIFEST
from acceptance.record.schema import Record
from acceptance.record.verify import NoRecord, verify
from acceptance.run_folder import NAME
from acceptance.verdict import Inconclusive


class Unread(Inconclusive):
    """An earlier run of a deployment cannot be believed, so nobody knows what to tell of the whole."""


def deployment_of(folder: Path) -> Deployment:
    """Read the deployment that a run belongs to, up to that run.

    Its runs have the ticket and the target in common and are in mode `deploy`; their folders are neighbours. A run
    without a ticket stands alone, and so does a rehearsal. What `verify` does not find intact is named, not read.

    Args:
        folder: The run's own folder; its record may still be in the making.

    Raises:
        FileNotFoundError: It holds no event log.
        TamperedLog: Its log was changed after it was written.
    """
    own = tuple(read_events(folder / EVENTS))
    start = RunStarted.first(own)
    runs, unread = _read((each for each in _earlier(folder, start, "deploy") if start.mode == "deploy"), own)
    return Deployment((*(each for each in runs if each != own), own), tuple(unread))


def records_of_ticket(folder: Path, start: RunStarted) -> tuple[list[Record], list[str]]:
    """Build the records of a ticket's earlier runs on a target, in whichever mode, and name those that are not intact.

    Args:
        folder: Of the run that asks.
        start: Its ticket and target.
    """
    runs, unread = _read(_earlier(folder, start))
    return [build(log) for log in runs], unread


def logs_of_target(folder: Path, since: float) -> list[tuple[Event, ...]]:
    """Give the event logs of the other runs on a run's target, whatever their ticket and mode, where they are whole.

    One without a manifest is of a run that was killed, or goes on: what its chain holds was written as it happened, and
    what is not in it counts as anybody's. A sealed one must be the one that was sealed.

    Args:
        folder: Of the run that asks.
        since: Runs that wrote nothing since this moment, unix seconds, are left out.
    """
    own, start = folder.resolve(), RunStarted.first(read_events(folder / EVENTS))
    others = (each.folder for each in begun(own.parent) if each.folder != own and _same_target(each.start, start))
    recent = (each for each in others if (each / EVENTS).stat().st_mtime >= since)
    return [log for each in recent if (log := _whole(each))]


def _whole(folder: Path) -> tuple[Event, ...]:
    """Read a log whose chain is whole and which is the sealed one where it was sealed; else nothing."""
    try:
        sealed = (folder / MANIFEST).read_text(encoding="utf-8") if (folder / MANIFEST).exists() else None
        if sealed is None or f"{sha256_of(folder / EVENTS)}  {EVENTS}" in sealed:
            return tuple(read_events(folder / EVENTS))
    except (OSError, ValueError, TamperedLog):
        pass
    return ()


def _read(folders: Iterable[Path], own: tuple[Event, ...] = ()) -> tuple[list[tuple[Event, ...]], list[str]]:
    """Read the runs that are intact, and name the others; of two logs of one run nobody knows which it was."""
    runs, unread, of_run = [], [], {RunStarted.first(own).run_id: own}
    for neighbour in folders:
        try:
            faults = [str(each) for each in verify(neighbour)]
        except (NoRecord, OSError) as error:
            faults = [str(error)]
        if faults:
            unread.append(f"{neighbour.name}: {'; '.join(faults)}")
        else:
            log = tuple(read_events(neighbour / EVENTS))
            run = RunStarted.first(log).run_id
            if run and of_run.setdefault(run, log) != log:
                unread.append(f"{neighbour.name}: its log is not the one that another folder has of the run {run}")
                continue
            runs += [log] if log not in runs else []  # a folder that was copied is one run
    return runs, unread


def load_whole(folder: Path) -> Record:
    """Build the record of a run and of the earlier ones of its deployment, as if they were one; for its texts.

    Raises:
        Unread: An earlier one cannot be believed.
        FileNotFoundError: The folder holds no event log.
        TamperedLog: Its log was changed after it was written.
    """
    deployment = deployment_of(folder)
    if deployment.unread:
        raise Unread(
            "expected the records of all runs of this ticket, found some that cannot be believed: "
            f"{'; '.join(deployment.unread)}; render one that was cut short with scripts/ops/record.py render"
        )
    return build(before_the_documents(deployment.as_one()))


def _earlier(folder: Path, start: RunStarted, mode: str = "") -> list[Path]:
    """Find the folders of the runs with a ticket on a target before a run, in one mode or all, oldest first."""
    own = folder.resolve()  # from within it, it is named `.`, which has no neighbours
    runs = begun(own.parent) if start.ticket else []
    before = runs[: next((place for place, each in enumerate(runs) if each.folder == own), len(runs))]
    return [
        each.folder
        for each in before
        if (each.unread and each.start.target["name"] == start.target.get("name"))
        or (each.start.ticket == start.ticket and _same_target(each.start, start) and mode in ("", each.start.mode))
    ]


def _same_target(one: RunStarted, other: RunStarted) -> bool:
    return all(one.target.get(name) == other.target.get(name) for name in ("name", "env_file"))


@dataclass(frozen=True)
class Begun:
    """How the run of a folder began; where it cannot be read, as far as the folder's name tells."""

    folder: Path
    at: str
    start: RunStarted
    unread: bool = False

    @property
    def place(self) -> Place:
        """Give what its order among others rests on."""
        return Place(self.at, self.folder.name, self.start.run_id, self.start.follows)


def begun(reports: Path) -> list[Begun]:
    """Read how each run in a folder of records began, oldest first."""
    folders = {path.resolve() for path in reports.iterdir() if path.is_dir()}  # a link's is there once
    return in_order(filter(None, map(_begun, folders)), lambda each: each.place)


def run_before(reports: Path, target: Mapping[str, Any]) -> str:
    """Give the id of the target's last run so far, by which a run knows its place whatever its clock says."""
    asked = RunStarted(target=target)
    return next((each.start.run_id for each in reversed(begun(reports)) if _same_target(each.start, asked)), "")


def _begun(folder: Path) -> Begun | None:
    """Read how a run began, even from a damaged log: so it is known that the run belongs here."""
    try:
        with (folder / EVENTS).open("rb") as lines:
            for line in lines:
                with suppress(ValueError, LookupError, TypeError):
                    event = json.loads(line)
                    if event["kind"] == RunStarted.kind and event["data"]["target"]["name"]:
                        return Begun(folder, str(event["at"]), RunStarted.of(event["data"]))
    except FileNotFoundError:
        return None
    except OSError:
        if named := NAME.fullmatch(folder.name):
            at = datetime.fromisoformat(named[2]).isoformat()
            return Begun(folder, at, RunStarted(target={"name": named[1]}), unread=True)
    return None
