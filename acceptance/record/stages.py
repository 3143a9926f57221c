"""Fold events into stages, rollbacks and the last known value of each flag."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from acceptance.events import Event
from acceptance.gates.figures import TriggerState
from acceptance.kinds import (
    CheckFinished,
    FlagChanged,
    FlagChanging,
    FlagRestored,
    RecoveryUndone,
    RollbackFinished,
    RollbackStarted,
    StageFinished,
    StageStarted,
    TriggerFired,
)
from acceptance.record import checks as fold
from acceptance.record.formatting import between
from acceptance.record.schema import Check, Moment, Phase, Rollback, Stage
from acceptance.verdict import Verdict, verdict_of, worst


def fold_stages(log: Sequence[Event], checks: Sequence[Check], moments: Sequence[Moment]) -> tuple[Stage, ...]:
    """Give the stages in the order in which their checks were expected.

    A stage that began and did not end is at best NOT RUN, whatever its checks say.
    """
    starts = {begun.stage: (begun, event.at) for event in log if (begun := StageStarted.read(event))}
    ends = {ended.stage: (ended, event.at) for event in log if (ended := StageFinished.read(event))}
    names = dict.fromkeys([*(check.stage for check in checks if check.stage), *starts, *ends])
    return tuple(
        _stage(
            name,
            starts.get(name),
            ends.get(name),
            [check for check in checks if check.stage == name],
            tuple(moment for moment in moments if moment.stage == name),
            _fired(log, name, starts.get(name, (None, ""))[1]),
            _fired_in(log, name),
        )
        for name in names
    )


def _stage(
    name: str,
    start: tuple[StageStarted, str] | None,
    end: tuple[StageFinished, str] | None,
    checks: Sequence[Check],
    moments: tuple[Moment, ...],
    fired: Sequence[TriggerFired],
    fired_in: Collection[str],
) -> Stage:
    plan, started_at = start or (StageStarted(), "")
    close, finished_at = end or (StageFinished(), "")
    seen = [check.verdict for check in checks]
    told = verdict_of(close.verdict) if end else Verdict.NOT_RUN
    return Stage(
        id=name,
        title=plan.title,
        risk=plan.risk,
        flag=plan.flag,
        planned_minutes=plan.planned_minutes,
        verdict=worst([*seen, told] if start or end else seen),
        reason=close.reason or ("the run ended before the stage did" if start and not end else ""),
        kept=close.kept,
        started_at=started_at,
        finished_at=finished_at,
        seconds=between(started_at, finished_at) if start and end else None,
        counts=fold.count(checks),
        phases=tuple(_reddened(phase, fired_in) for phase in fold.phases(checks)),
        gates=fold.gates(checks),
        triggers=_triggers(close, fired),
        security=fold.security_groups(checks),
        timeline=moments,
    )


def _fired(log: Sequence[Event], stage: str, since: str) -> list[TriggerFired]:
    """Give the triggers of a stage that fired since a time: in this try, not in one before."""
    fired = TriggerFired.all(event for event in log if event.at >= since)
    return [each for each in fired if each.stage == stage]


def _fired_in(log: Sequence[Event], stage: str) -> set[str]:
    """Name the phases in which a trigger fired: that of the check which was under way."""
    found: set[str] = set()
    open_ = False
    for event in log:
        if (fired := TriggerFired.read(event)) and fired.stage == stage:
            open_ = verdict_of(fired.verdict) is Verdict.FAIL
        elif open_ and (ended := CheckFinished.read(event)) and ended.stage == stage:
            found.add(ended.phase)
            open_ = False
    return found


def _reddened(phase: Phase, fired_in: Collection[str]) -> Phase:
    """Mark a phase in which a trigger fired as FAIL: its checks were only cut short."""
    return replace(phase, verdict=Verdict.FAIL, fired=True) if phase.name in fired_in else phase


def _triggers(close: StageFinished, fired: Sequence[TriggerFired]) -> tuple[TriggerState, ...]:
    """Give every trigger, worst first; in a run that was killed, a trigger that fired stands only in its own event."""
    told = [TriggerState.read(each) for each in close.triggers]
    bad = {each.id for each in told if each.verdict is not Verdict.PASS}
    events = [{**asdict(each), "id": each.trigger} for each in fired if each.trigger not in bad]
    alone = {each.id: each for each in map(TriggerState.read, events)}
    rows = [*alone.values(), *(each for each in told if each.id not in alone)]
    rank = {Verdict.FAIL: 0, Verdict.PASS: 2}
    return tuple(sorted(rows, key=lambda row: 3 if row.other and row.evaluations == 0 else rank.get(row.verdict, 1)))


def fold_rollbacks(log: Sequence[Event]) -> tuple[Rollback, ...]:
    """Give one rollback for each that started; a second end of it (a retry, the watchdog) replaces the first.

    What a run undid itself, as its watchdog was gone, is a rollback too.
    """
    result: list[Rollback] = []
    fired: dict[str, list[str]] = {}
    stage_of: dict[str, str] = {}
    for event in log:
        if started := StageStarted.read(event):
            stage_of[started.flag] = started.stage
        elif trigger := TriggerFired.read(event):
            fired.setdefault(trigger.stage, []).append(trigger.trigger)
        elif begun := RollbackStarted.read(event):
            triggers = tuple(fired.pop(begun.stage, ()))
            result.append(Rollback(begun.stage, begun.reason, None, "", None, (), event.at, triggers))
        elif back := FlagRestored.read(event):
            why = "the rehearsal is over"
            result.append(Rollback(back.stage, why, True, back.account, back.seconds, (), event.at, routine=True))
        elif end := RollbackFinished.read(event):
            _end(result, end, event.at)
        elif undone := RecoveryUndone.read(event):
            for stage in (stage_of[flag] for flag in undone.flags if flag in stage_of):  # begun by this very run
                end = RollbackFinished(stage=stage, ok=True, account=undone.account)
                _end(result, end, event.at, why="the watchdog was gone")
    return tuple(result)


def _end(rollbacks: list[Rollback], end: RollbackFinished, at: str, why: str = "its flag was to be restored") -> None:
    """Note an end in the last rollback of its stage; where none had begun, one for this reason."""
    places = [place for place, each in enumerate(rollbacks) if each.stage == end.stage]
    if not places:
        rollbacks.append(Rollback(end.stage, why, None, "", None, (), at))
    place = places[-1] if places else -1
    rollbacks[place] = replace(
        rollbacks[place],
        ok=end.ok,
        account=end.account,
        seconds=end.seconds,
        by_hand=end.by_hand,
        state_found=end.state,
    )


def fold_flags(log: Sequence[Event]) -> dict[str, Any]:
    """Give the last known value of each flag.

    A change that was announced and not confirmed counts as made; a rollback that ended well puts the value
    back that the flag had before its stage touched it, and so does a run whose watchdog was gone. One that failed
    says what it found.
    """
    flags: dict[str, Any] = {}
    before: dict[str, dict[str, Any]] = {}
    for event in log:
        end = RollbackFinished.read(event)
        back = FlagRestored.read(event) or (end if end and end.ok else None)
        if changing := FlagChanging.read(event):
            flags[changing.flag] = changing.value
            before.setdefault(changing.stage, {}).setdefault(changing.flag, None)
        elif changed := FlagChanged.read(event):
            flags[changed.flag] = changed.after
            old = before.setdefault(changed.stage, {})
            old[changed.flag] = changed.before if old.get(changed.flag) is None else old[changed.flag]
        elif back:
            flags |= {name: "false" if old is None else old for name, old in before.pop(back.stage, {}).items()}
        elif seen := RecoveryUndone.read(event) or end:
            flags |= {name: value for name, value in seen.flags.items() if name in flags}
    return flags
