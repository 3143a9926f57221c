"""Fold events into stages, rollbacks and the last known value of each flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from acceptance.events import Event
from acceptance.record import checks as fold
from acceptance.record.formatting import between
from acceptance.record.schema import Check, Moment, Rollback, Stage
from acceptance.verdict import Verdict, worst


def fold_stages(log: Sequence[Event], checks: Sequence[Check], moments: Sequence[Moment]) -> tuple[Stage, ...]:
    """Give the stages in the order in which their checks were expected.

    A stage that began and did not end is at best NOT RUN, whatever its checks say.
    """
    starts = {str(event.data.get("stage")): event for event in log if event.kind == "stage.started"}
    ends = {str(event.data.get("stage")): event for event in log if event.kind == "stage.finished"}
    names = dict.fromkeys([*(check.stage for check in checks if check.stage), *starts, *ends])
    return tuple(
        _stage(
            name,
            starts.get(name),
            ends.get(name),
            [check for check in checks if check.stage == name],
            tuple(moment for moment in moments if moment.stage == name),
        )
        for name in names
    )


def _stage(
    name: str,
    start: Event | None,
    end: Event | None,
    checks: Sequence[Check],
    moments: tuple[Moment, ...],
) -> Stage:
    plan, close = (start.data if start else {}), (end.data if end else {})
    seen = [check.verdict for check in checks]
    told = fold.verdict_of(close.get("verdict")) if end else Verdict.NOT_RUN
    return Stage(
        id=name,
        title=str(plan.get("title") or ""),
        risk=str(plan.get("risk") or ""),
        flag=str(plan.get("flag") or ""),
        planned_minutes=plan.get("planned_minutes"),
        verdict=worst([*seen, told] if start or end else seen),
        reason=str(close.get("reason") or ("the run ended before the stage did" if start and not end else "")),
        kept=close.get("kept"),
        started_at=start.at if start else "",
        finished_at=end.at if end else "",
        seconds=between(start.at, end.at) if start and end else None,
        counts=fold.count(checks),
        phases=fold.phases(checks),
        gates=fold.gates(checks),
        security=fold.security_groups(checks),
        timeline=moments,
    )


def fold_rollbacks(log: Sequence[Event]) -> tuple[Rollback, ...]:
    """Give one rollback for each that started; a second end of it (a retry, the guardian) replaces the first."""
    result: list[Rollback] = []
    fired: dict[str, list[str]] = {}
    for event in log:
        stage = str(event.data.get("stage") or "")
        if event.kind == "trigger.fired":
            fired.setdefault(stage, []).append(str(event.data.get("trigger")))
        elif event.kind == "rollback.started":
            triggers, reason = tuple(fired.pop(stage, ())), str(event.data.get("reason") or "")
            result.append(Rollback(stage, reason, None, "", None, (), event.at, triggers))
        elif event.kind == "flag.restored":
            account, seconds = str(event.data.get("account") or ""), event.data.get("seconds")
            why = "the rehearsal is over"
            result.append(Rollback(stage, why, True, account, seconds, (), event.at, routine=True))
        elif event.kind == "rollback.finished":
            places = [place for place, each in enumerate(result) if each.stage == stage]
            if not places:
                result.append(Rollback(stage, "", None, "", None, (), event.at))
            place = places[-1] if places else -1
            result[place] = replace(
                result[place],
                ok=event.data.get("ok") is True,
                account=str(event.data.get("account") or ""),
                seconds=event.data.get("seconds"),
                by_hand=tuple(str(command) for command in event.data.get("by_hand") or ()),
            )
    return tuple(result)


def fold_flags(log: Sequence[Event]) -> dict[str, Any]:
    """Give the last known value of each flag.

    A change that was announced and not confirmed counts as made; a rollback that ended well puts the value
    back that the flag had before its stage touched it.
    """
    flags: dict[str, Any] = {}
    before: dict[str, dict[str, Any]] = {}
    for event in log:
        stage, flag = str(event.data.get("stage") or ""), str(event.data.get("flag"))
        if event.kind == "flag.changing":
            flags[flag] = event.data.get("value")
            before.setdefault(stage, {}).setdefault(flag, None)
        elif event.kind == "flag.changed":
            flags[flag] = event.data.get("after")
            old = before.setdefault(stage, {})
            old[flag] = event.data.get("before") if old.get(flag) is None else old[flag]
        elif event.kind == "flag.restored" or (event.kind == "rollback.finished" and event.data.get("ok") is True):
            flags |= {name: "false" if old is None else old for name, old in before.pop(stage, {}).items()}
    return flags
