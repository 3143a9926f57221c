"""Read several runs as one deployment: on-call starts stage after stage. Pure.

The checks after it judge the stages, whichever run each was in. Where a stage was tried more than once the last try
decides, but no rollback is forgotten. Pure; `acceptance.record.earlier_runs` finds the runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from acceptance.events import Event, expecting
from acceptance.kinds import (
    CheckFinished,
    FlagChanged,
    FlagChanging,
    FlagRestored,
    Interrupted,
    Kind,
    RollbackStarted,
    RunFinished,
    RunStarted,
    ServiceRestarted,
    ServiceRestarting,
    StageAccepted,
    StageFinished,
    StageStarted,
    stage_of,
)
from acceptance.stage import place_of
from acceptance.target.model import Service
from acceptance.verdict import Inconclusive, Verdict, verdict_of

_OF_A_TRY = tuple(each.kind for each in (StageStarted, StageAccepted, StageFinished, CheckFinished))
"""What of a try that a later one has replaced does not count any more."""
_LAST_WORDS = (Interrupted.kind, RunFinished.kind)
"""What only the last run says of all."""

OneKind = TypeVar("OneKind", bound=Kind)


@dataclass(frozen=True)
class Deployment:
    """The event logs of its runs.

    Attributes:
        runs: Oldest first; the last is the one in hand.
        unread: Runs of it that cannot be believed, each with the reason.
    """

    runs: tuple[Sequence[Event], ...]
    unread: tuple[str, ...] = ()

    def of(self, stage: str) -> Sequence[Event]:
        """Give the log that decides about a stage: of the last run that switched its flag on, else that began it."""
        place = self._deciding.get(stage)
        return () if place is None else self.runs[place]

    def about(self, stage: str, kind: type[OneKind]) -> list[OneKind]:
        """Give the events of one kind that the deciding run has of a stage."""
        return kind.all(event for event in self.of(stage) if stage_of(event) == stage)

    def seen(self, item: str) -> set[Verdict]:
        """Give the verdicts of all checks that answer an item, each by its stage's deciding run."""
        return {
            verdict_of(check.verdict)
            for stage in self._deciding
            for check in self.about(stage, CheckFinished)
            if item in check.items
        }

    def evaluations(self, stage: str) -> int | None:
        """Give how often a stage's triggers were evaluated; None where its flag was not on."""
        ends = self.about(stage, StageFinished)
        return ends[-1].evaluations if ends else None

    def rollbacks(self) -> list[RollbackStarted]:
        """Give the start of every rollback, in whichever run and try."""
        return [begun for log in self.runs for begun in RollbackStarted.all(log)]

    @property
    def began(self) -> str:
        """When the first run with a stage of the epic began, else the one in hand: UTC, RFC 3339."""
        return self.runs[self._first][0].at

    def stages_over(self) -> str:
        """Give when the last stage of the epic ended, UTC, RFC 3339; empty where none did."""
        ends = [
            event.at for log in self.runs for event in log if (end := StageFinished.read(event)) and _is_epic(end.stage)
        ]
        return max(ends, default="")

    @property
    def extent(self) -> str:
        """Name the runs that are known, for a check's reason."""
        earlier = [RunStarted.first(log).run_id for log in self.runs[:-1]]
        return (
            f"this run and {', '.join(earlier)}"
            if earlier
            else "this run, which knows of no earlier one with its ticket"
        )

    def until(self, log: Iterable[Event]) -> Deployment:
        """Give the same with the log of the run in hand as it is now."""
        return replace(self, runs=(*self.runs[:-1], tuple(log)))

    def as_one(self) -> Iterator[Event]:
        """Give the events as if all had been one run, to build a record from.

        What was before the first stage is left out, and of a try that was replaced all but flags and rollbacks.
        """
        for number in range(self._first, len(self.runs)):
            yield from self._counting(number)

    def _counting(self, number: int) -> Iterator[Event]:
        last = number == len(self.runs) - 1
        for event in self.runs[number]:
            replaced = event.kind in _OF_A_TRY and not self._counts(stage_of(event), number)
            if not replaced and (last or event.kind not in _LAST_WORDS):
                yield expecting(event, lambda check: self._counts(_stage_of(check), number))

    def _counts(self, stage: str, number: int) -> bool:
        return self._deciding.get(stage, len(self.runs) - 1) == number

    @cached_property
    def _begun(self) -> list[tuple[str, int]]:
        """Every stage that began, with the place of its run."""
        return [(begun.stage, place) for place, log in enumerate(self.runs) for begun in StageStarted.all(log)]

    @cached_property
    def _deciding(self) -> dict[str, int]:
        """Stage -> the place of its deciding run."""
        tries = [
            (stage_of(event), place) for place, log in enumerate(self.runs) for event in log if _switched_on(event)
        ]
        return dict(self._begun) | dict(tries)

    @property
    def _first(self) -> int:
        return min((place for stage, place in self._begun if _is_epic(stage)), default=len(self.runs) - 1)


def _is_epic(stage: str) -> bool:
    return stage.startswith("21_")


def _switched_on(event: Event) -> bool:
    changing, changed = FlagChanging.read(event), FlagChanged.read(event)
    return "true" in (changing and changing.value, changed and changed.after)


def _stage_of(check: Any) -> str:
    return (place_of(str(check.get("nodeid"))) or ("",))[0]


Spell = tuple[float, float]
"""From and until when, in unix seconds, a service was being restarted by the suite."""


@dataclass(frozen=True)
class LeftEnabled:
    """Whether a stage's flag was left enabled.

    Attributes:
        since: When it was accepted, its flag being left enabled, unix seconds; None where the flag is not on.
        why_not: Why there is nothing to hold it to; empty where there is.
    """

    since: float | None = None
    why_not: str = ""


def left_enabled(events: Iterable[Event], stage_id: str) -> LeftEnabled:
    """Tell whether a stage's flag was left enabled, and since when, by the log of the run that decides about it.

    Raises:
        Inconclusive: It was no part of such a run.
    """
    mine = [event for event in events if stage_of(event) == stage_id]
    if not StageStarted.all(mine):
        raise Inconclusive(
            f"{stage_id} was no part of this deployment, as far as it is known: give this run the --ticket of those "
            "before it, and keep their records beside its own"
        )
    if RollbackStarted.all(mine):
        return LeftEnabled(why_not=f"{stage_id} was rolled back: {RollbackStarted.last(mine).reason}")
    if FlagRestored.all(mine):
        return LeftEnabled(why_not=f"the flag of {stage_id} was restored, not left enabled")
    accepted = [_seconds(event) for event in mine if StageAccepted.read(event)]
    if not accepted or not StageFinished.last(mine).kept:
        return LeftEnabled(why_not=f"{stage_id} was not accepted")
    return LeftEnabled(accepted[-1])


def restarts(events: Iterable[Event], service: Service) -> list[Spell]:
    """Give the times in which the suite restarted a service; a restart that did not end is left out."""
    spells: list[Spell] = []
    begun: float | None = None
    for event in events:
        asked, done = ServiceRestarting.read(event), ServiceRestarted.read(event)
        if asked and asked.service in (service.key, "all") and begun is None:
            begun = _seconds(event)
        if done and done.service == service.name and begun is not None:
            spells.append((begun, _seconds(event)))
            begun = None
    return spells


def _seconds(event: Event) -> float:
    return datetime.fromisoformat(event.at).timestamp()
