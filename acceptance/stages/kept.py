"""What a deployment has left on: which stages were accepted and keep their flag, as a run's events tell it; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from acceptance.events import Event
from acceptance.target.model import Service
from acceptance.verdict import Inconclusive

#: From and until when, in unix seconds, a service was being restarted by the suite.
Spell = tuple[float, float]


@dataclass(frozen=True)
class Kept:
    """What was made of a flagged stage.

    Attributes:
        since: When it was accepted, its flag being kept on, unix seconds; None where the flag is not on.
        why_not: Why there is nothing to hold it to; empty where there is.
    """

    since: float | None = None
    why_not: str = ""


def kept(events: Iterable[Event], stage_id: str) -> Kept:
    """Tell whether a stage's flag was kept on, and since when, by the log of the run that decides about it.

    Raises:
        Inconclusive: It was no part of such a run.
    """
    mine = {event.kind: event for event in events if event.data.get("stage") == stage_id}
    if "stage.started" not in mine:
        raise Inconclusive(
            f"{stage_id} was no part of this deployment, as far as it is known: give this run the --ticket of those "
            "before it, and keep their records beside its own"
        )
    if undone := mine.get("rollback.started"):
        return Kept(why_not=f"{stage_id} was rolled back: {undone.data['reason']}")
    if "flag.restored" in mine:
        return Kept(why_not=f"the flag of {stage_id} was put back at its end, so none of it is left on")
    accepted, finished = mine.get("stage.accepted"), mine.get("stage.finished")
    if accepted is None or finished is None or not finished.data["kept"]:
        return Kept(why_not=f"{stage_id} was not accepted")
    return Kept(_seconds(accepted))


def restarts(events: Iterable[Event], service: Service) -> list[Spell]:
    """Give the spells in which the suite restarted a service, until it was back; one that never came back is none."""
    spells: list[Spell] = []
    begun: float | None = None
    for event in events:
        if event.kind == "service.restarting" and event.data["service"] in (service.key, "all") and begun is None:
            begun = _seconds(event)
        if event.kind == "service.restarted" and event.data["service"] == service.name and begun is not None:
            spells.append((begun, _seconds(event)))
            begun = None
    return spells


def _seconds(event: Event) -> float:
    return datetime.fromisoformat(event.at).timestamp()
