"""Fold an event log into a record. Pure: the same events always give the same record.

The page, the texts and ``record.json`` are drawn from what ``build`` gives, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acceptance.checklist import load_items, status
from acceptance.events import GENESIS, Event
from acceptance.record import checks as fold
from acceptance.record.moments import between, parse, timeline
from acceptance.record.outcome import Grounds, judge
from acceptance.record.parts import Check, Facts, Line, Moment, Record, Rollback, SignOff, Stage, Waiver
from acceptance.verdict import Outcome, Verdict, worst

CHAPTER_OF_STAGE = {
    "pre_deployment": "pre",
    "post_deployment": "post",
    "post_24h": "post24",
    "post_48h": "post48",
}


def build(events: Iterable[Event]) -> Record:
    """Fold events, in log order, into a record."""
    log = tuple(events)
    checks, surprises = fold.fold_checks(log)
    moments = timeline(log)
    rollbacks = _rollbacks(log)
    stages = _stages(log, checks, moments, rollbacks)
    signed, waivers = _sign_offs(log), _waivers(log)
    waived = {waiver.item for waiver in waivers if waiver.valid}
    lines = _lines(checks, stages, signed, waivers)
    unknown = sorted({item for check in checks for item in check.items} - {line.id for line in lines})
    unreal = tuple(f"the checklist has no item {item}, which a check names" for item in unknown)
    end = _last(log, "run.finished")
    facts, flags = _facts(log), _flags(log)
    grounds = Grounds(
        claimed=_outcome(end),
        claimed_reasons=tuple(str(reason) for reason in end.get("reasons") or ()),
        expected=any(event.data.get("checks") for event in log if event.kind == "checks.expected"),
        checks=checks,
        rollbacks=rollbacks,
        flags=flags,
        may_stay_on={stage.flag for stage in stages if stage.kept and stage.verdict == "PASS"},
        awaiting=sum(line.state == "AWAITING" for line in lines),
        waived=waived,
        facts=facts,
        trouble=unreal,
    )
    outcome, reasons = judge(grounds)
    return Record(
        outcome=outcome,
        claimed=grounds.claimed,
        reasons=reasons,
        facts=facts,
        counts=fold.count(checks),
        stages=stages,
        lines=lines,
        checks=checks,
        sign_offs=tuple(signed.values()),
        waivers=waivers,
        timeline=moments,
        rollbacks=rollbacks,
        flags=flags,
        problems=(*surprises, *unreal),
        events=len(log),
        last_hash=log[-1].hash if log else GENESIS,
    )


def _last(log: Sequence[Event], kind: str) -> Mapping[str, Any]:
    return next((event.data for event in reversed(log) if event.kind == kind), {})


def _outcome(end: Mapping[str, Any]) -> Outcome | None:
    try:
        return Outcome(end["outcome"]) if end else None
    except (KeyError, ValueError):
        return Outcome.INCONCLUSIVE


def _facts(log: Sequence[Event]) -> Facts:
    start, end = _last(log, "run.started"), _last(log, "run.finished")
    first, last = (log[0].at, log[-1].at) if log else ("", "")
    texts = ("run_id", "ticket", "operator", "mode", "target_kind", "suite_version", "commit", "host", "python")
    return Facts(
        **{name: str(start.get(name) or "") for name in texts},
        target=start.get("target") or {},
        argv=tuple(str(word) for word in start.get("argv") or ()),
        planned_minutes=start.get("planned_minutes"),
        soak_note=str(start.get("soak_note") or ""),
        window=start.get("window"),
        outside_window=start.get("outside_window"),
        started_at=first,
        finished_at=last,
        seconds=between(first, last),
        exit_code=end.get("exit_code"),
    )


def _flags(log: Sequence[Event]) -> dict[str, Any]:
    """Last known value of each flag; a change that was announced and not confirmed counts as made."""
    flags: dict[str, Any] = {}
    for event in log:
        if event.kind in ("flag.changing", "flag.changed"):
            flags[str(event.data.get("flag"))] = event.data.get("after", event.data.get("value"))
    return flags


def _stages(
    log: Sequence[Event],
    checks: Sequence[Check],
    moments: Sequence[Moment],
    rollbacks: Sequence[Rollback],
) -> tuple[Stage, ...]:
    starts = {str(e.data.get("stage")): e for e in log if e.kind == "stage.started"}
    ends = {str(e.data.get("stage")): e for e in log if e.kind == "stage.finished"}
    names = dict.fromkeys([*(check.stage for check in checks if check.stage), *starts, *ends])
    result = []
    for name in names:
        of_it = [check for check in checks if check.stage == name]
        start, end = starts.get(name), ends.get(name)
        plan, close = (start.data if start else {}), (end.data if end else {})
        seen = [check.verdict for check in of_it]
        told = fold.verdict_of(close.get("verdict")) if end else Verdict.NOT_RUN
        result.append(
            Stage(
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
                counts=fold.count(of_it),
                phases=fold.phases(of_it),
                gates=fold.gates(of_it),
                security=fold.security_groups(of_it),
                timeline=tuple(moment for moment in moments if moment.stage == name),
                rollbacks=tuple(each for each in rollbacks if each.stage == name),
            )
        )
    return tuple(result)


def _rollbacks(log: Sequence[Event]) -> tuple[Rollback, ...]:
    result: list[Rollback] = []
    fired: dict[str, list[str]] = {}
    for event in log:
        stage = str(event.data.get("stage") or "")
        if event.kind == "trigger.fired":
            fired.setdefault(stage, []).append(str(event.data.get("trigger")))
        elif event.kind == "rollback.started":
            triggers = tuple(fired.pop(stage, ()))
            reason = str(event.data.get("reason") or "")
            result.append(Rollback(stage, reason, None, "", None, (), event.at, triggers))
        elif event.kind == "rollback.finished":
            begun = next((each for each in reversed(result) if each.stage == stage and each.ok is None), None)
            if begun:
                result.remove(begun)
            result.append(_ended(event, begun))
    return tuple(result)


def _ended(event: Event, begun: Rollback | None) -> Rollback:
    data = event.data
    return Rollback(
        stage=str(data.get("stage") or ""),
        reason=begun.reason if begun else "",
        ok=data.get("ok") is True,
        account=str(data.get("account") or ""),
        seconds=data.get("seconds"),
        by_hand=tuple(str(command) for command in data.get("by_hand") or ()),
        at=begun.at if begun else event.at,
        triggers=begun.triggers if begun else (),
    )


def _sign_offs(log: Sequence[Event]) -> dict[str, SignOff]:
    """Item -> its sign-off; the last one counts. Without a name it is none."""
    return {
        str(e.data.get("item")): SignOff(
            str(e.data.get("item")),
            str(e.data["name"]),
            str(e.data.get("at") or e.at),
            str(e.data.get("note") or ""),
        )
        for e in log
        if e.kind == "signoff.given" and e.data.get("name")
    }


def _waivers(log: Sequence[Event]) -> tuple[Waiver, ...]:
    """All waivers; one without reason, approver or a future expiry date is shown, but does not count."""
    result = []
    for event in (event for event in log if event.kind == "waiver.used"):
        item, reason, approver, expires = (
            str(event.data.get(key) or "") for key in ("item", "reason", "approver", "expires")
        )
        until, now = parse(expires), parse(event.at)
        # A bare date is the last day on which the waiver holds.
        alive = bool(until and now and (until.date() >= now.date() if len(expires) <= 10 else until > now))
        result.append(Waiver(item, reason, approver, expires, bool(reason and approver and alive)))
    return tuple(result)


def _lines(
    checks: Sequence[Check], stages: Sequence[Stage], signed: Mapping[str, SignOff], waivers: Sequence[Waiver]
) -> tuple[Line, ...]:
    chapters = {CHAPTER_OF_STAGE.get(stage.id, stage.id.removeprefix("stage_")) for stage in stages}
    waived = {waiver.item: waiver for waiver in waivers}
    valid = {item for item, waiver in waived.items() if waiver.valid}
    found = status(load_items(), checks, signed=signed, waived=valid, chapters=chapters)
    numbers = {check.nodeid: check.number for check in checks}
    return tuple(
        Line(
            id=item.id,
            chapter=item.chapter,
            level=item.level,
            text=item.text,
            state=found[item.id].state,
            why=found[item.id].why,
            checks=tuple(numbers[nodeid] for nodeid in found[item.id].checks),
            sign_off=signed.get(item.id),
            waiver=waived.get(item.id),
        )
        for item in load_items()
    )
