"""Fold sign-offs and waivers, and the checklist lines that they settle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from acceptance.checklist import ItemStatus, State, load_items, status
from acceptance.events import Event
from acceptance.gates.figures import TriggerState
from acceptance.kinds import RunStarted, SignoffGiven, WaiverUsed
from acceptance.people import is_name, same_person
from acceptance.record.checks import fold_checks
from acceptance.record.formatting import parse
from acceptance.record.schema import Check, Line, SignOff, Stage, Waiver
from acceptance.signoff import objection
from acceptance.verdict import Verdict, worst

CHAPTER_OF_STAGE = {"pre_deployment": "pre", "post_deployment": "post", "post_24h": "post24", "post_48h": "post48"}


def fold_sign_offs(log: Sequence[Event]) -> dict[str, SignOff]:
    """Give item -> its sign-off; the last one counts. Without a name it is none, nor from one who may not give it."""
    operator = _operator(log)
    return {
        given.item: SignOff(given.item, given.name, given.at or event.at, given.note)
        for event in log
        if (given := SignoffGiven.read(event)) and not objection(given.item, given.name, operator)
    }


def rejected_sign_offs(log: Sequence[Event]) -> tuple[str, ...]:
    """Say which sign-offs do not count, and why."""
    operator = _operator(log)
    told = [objection(each.item, each.name, operator) for each in SignoffGiven.all(log)]
    return tuple(f"sign-off that does not count: {each}" for each in told if each)


def fold_waivers(log: Sequence[Event]) -> tuple[Waiver, ...]:
    """Give all waivers; one without a reason, a second person or a future expiry is shown, but does not count."""
    operator = _operator(log)
    return tuple(_waiver(used, event.at, operator) for event in log if (used := WaiverUsed.read(event)))


def _operator(log: Iterable[Event]) -> str:
    return next(iter(RunStarted.all(log)), RunStarted()).operator


def _waiver(used: WaiverUsed, at: str, operator: str) -> Waiver:
    until, now = parse(used.expires), parse(at)
    # A bare date is the last day on which the waiver holds.
    alive = bool(until and now and (until.date() >= now.date() if len(used.expires) <= 10 else until > now))
    valid = bool(used.reason and is_name(used.approver) and alive) and not same_person(used.approver, operator)
    return Waiver(used.item, used.reason, used.approver, used.expires, valid)


def missing(log: Sequence[Event], stage: str) -> list[str]:
    """Name the lines of a stage that await a person: not signed off, waived, or answered by a check so far."""
    chapters, signed, waivers = chapters_of([stage]), fold_sign_offs(log), fold_waivers(log)
    valid = {waiver.item for waiver in waivers if waiver.valid}
    found = status(load_items(), fold_checks(log)[0], signed=signed, waived=valid, chapters=chapters)
    return [each.id for each in load_items() if each.chapter in chapters and found[each.id].state is State.AWAITING]


def chapters_of(stages: Iterable[str]) -> set[str]:
    """Give the checklist chapters that a run of these stages answers for."""
    return {CHAPTER_OF_STAGE.get(stage, stage.removeprefix("stage_")) for stage in stages}


def covered(lines: Iterable[Line], stages: Iterable[str]) -> str:
    """Count the lines that a run answers for: how many were checked, and what became of the rest."""
    chapters = chapters_of(stages)
    mine = [line for line in lines if line.chapter in chapters or line.checks]
    states = [line.state for line in mine]
    no_data = [line.id for line in mine if line.state is State.INCONCLUSIVE]
    rest = {
        "await a person": states.count(State.AWAITING),
        "waived": states.count(State.WAIVED),
        "not applicable": states.count(State.NOT_APPLICABLE),
        "not run": states.count(State.NOT_RUN),
        f"could not be seen ({', '.join(no_data[:3])}{', …' if len(no_data) > 3 else ''})": len(no_data),
        "failed": states.count(State.FAIL),
    }
    told = [f"{count} {words}" for words, count in rest.items() if count]
    return ", ".join([f"{states.count(State.PASS)} of {len(states)} lines checked", *told])


def _watched(checked: ItemStatus, triggers: Sequence[TriggerState]) -> ItemStatus:
    """Judge a line of the trigger checklist by its triggers; a check that names it can only make it worse."""
    triggers = [each for each in triggers if not (each.other and each.verdict is Verdict.INCONCLUSIVE)] or triggers
    verdict = worst(each.verdict for each in triggers)
    if checked.state is State.WAIVED or (checked.checks and verdict is Verdict.PASS):
        return checked
    names = ", ".join(dict.fromkeys(each.id for each in triggers if each.verdict is verdict))
    words = {Verdict.PASS: "evaluated, did not fire", Verdict.FAIL: "FIRED"}
    return ItemStatus(State(verdict.value), f"{words.get(verdict, 'no data')}: {names}", checked.checks)


def fold_lines(
    checks: Sequence[Check], stages: Sequence[Stage], signed: Mapping[str, SignOff], waivers: Iterable[Waiver]
) -> tuple[Line, ...]:
    """Give every line of the checklist with its state, in the document's order."""
    waived = {waiver.item: waiver for waiver in waivers}
    valid = {item for item, waiver in waived.items() if waiver.valid}
    chapters = chapters_of(stage.id for stage in stages)
    found = status(load_items(), checks, signed=signed, waived=valid, chapters=chapters)
    for item in load_items():
        if seen := [each for stage in stages for each in stage.triggers if item.id in each.items]:
            found[item.id] = _watched(found[item.id], seen)
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
