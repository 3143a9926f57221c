"""Read the earlier runs of a deployment from their records: the same ticket on the same target."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from acceptance.events import EVENTS, Event, read_events
from acceptance.kinds import RunStarted
from acceptance.record.build import build
from acceptance.record.deployment import Deployment
from acceptance.record.documents import before_the_documents
from acceptance.record.schema import Record
from acceptance.record.verify import NoRecord, verify
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
    runs, unread = _read(each for each in _earlier(folder, start, "deploy") if start.mode == "deploy")
    return Deployment((*runs, own), tuple(unread))


def records_of_ticket(folder: Path, start: RunStarted) -> tuple[list[Record], list[str]]:
    """Build the records of a ticket's earlier runs on a target, in whichever mode, and name those that are not intact.

    Args:
        folder: Of the run that asks.
        start: Its ticket and target.
    """
    runs, unread = _read(_earlier(folder, start))
    return [build(log) for log in runs], unread


def logs_of_target(folder: Path, since: float) -> list[tuple[Event, ...]]:
    """Give the event logs of the earlier runs on a run's target, whatever their ticket and mode; only intact ones.

    Args:
        folder: Of the run that asks.
        since: Runs that wrote nothing since this moment, unix seconds, are left out.
    """
    place = RunStarted.first(read_events(folder / EVENTS)).target

    def recent(path: Path) -> bool:
        return (path / EVENTS).stat().st_mtime >= since

    return _read(filter(recent, _earlier(folder, RunStarted(target=place), any_ticket=True)))[0]


def _read(folders: Iterable[Path]) -> tuple[list[tuple[Event, ...]], list[str]]:
    """Read the runs that are intact, and name the others."""
    runs, unread = [], []
    for neighbour in folders:
        try:
            faults = [str(each) for each in verify(neighbour)]
        except NoRecord as error:
            faults = [str(error)]
        if faults:
            unread.append(f"{neighbour.name}: {'; '.join(faults)}")
        else:
            runs.append(tuple(read_events(neighbour / EVENTS)))
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


def _earlier(folder: Path, start: RunStarted, mode: str = "", *, any_ticket: bool = False) -> Iterable[Path]:
    """Find the folders, in one mode or all, oldest first: a run's name is its target's, then the time of its start."""
    if not (start.ticket or any_ticket):
        return
    folder = folder.resolve()  # from within it, it is named `.`, which has no neighbours
    for path in sorted(folder.parent.glob(f"{start.target['name']}-*/{EVENTS}")):
        other = _start(path) if path.parent.name < folder.name else RunStarted()
        same = _key(other)[any_ticket:] == _key(start)[any_ticket:]
        if same and mode in ("", other.mode):
            yield path.parent


def _key(start: RunStarted) -> tuple[Any, ...]:
    return start.ticket, start.target.get("name"), start.target.get("env_file")


def _start(path: Path) -> RunStarted:
    """Read how a run began, even from a damaged log: so it is known that the run belongs here."""
    with path.open("rb") as lines:
        for line in lines:
            with suppress(ValueError, LookupError, TypeError):
                event = json.loads(line)
                if event["kind"] == RunStarted.kind and event["data"]["target"]["name"]:
                    return RunStarted.of(event["data"])
    return RunStarted()
