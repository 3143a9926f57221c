"""Fold an event log into a record. Pure: the same events always give the same record.

The page, the texts and `record.json` are rendered from what `build` gives, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from acceptance.events import GENESIS, Event, expecting
from acceptance.kinds import (
    CheckFinished,
    ChecksExpected,
    CodeSeen,
    Note,
    RollbackFinished,
    RollbackStarted,
    RunFinished,
    RunRefused,
    RunStarted,
    StageAccepted,
    StageStarted,
    TriggerFired,
)
from acceptance.outcome import REFUSED, Closing, Ending
from acceptance.record.checks import count, fold_checks, fold_findings
from acceptance.record.formatting import between
from acceptance.record.reconcile import Grounds, judge
from acceptance.record.schema import Check, Facts, Line, Record, Stage
from acceptance.record.signoffs import covered, fold_lines, fold_sign_offs, fold_waivers, rejected_sign_offs
from acceptance.record.stages import fold_flags, fold_rollbacks, fold_stages
from acceptance.record.timeline import on, timeline
from acceptance.verdict import Outcome, Verdict, verdict_of


def build(events: Iterable[Event]) -> Record:
    """Fold events, in log order, into a record."""
    log = tuple(events)
    checks, surprises = fold_checks(log)
    moments = timeline(log)
    stages = fold_stages(log, checks, moments)
    passed = {stage.id for stage in stages if stage.verdict is Verdict.PASS}
    rollbacks = fold_rollbacks(log)
    signed, waivers = fold_sign_offs(log), fold_waivers(log)
    lines = fold_lines(checks, stages, signed, waivers)
    unreal = _unreal(checks, lines)
    ends = RunFinished.all(log)
    facts, flags = _facts(log, stages), fold_flags(log)
    accepted = _accepted(log)
    claims = [_outcome(end) for end in ends if end.outcome]
    grounds = Grounds(
        ending=_ending(ends[-1]) if ends else None,
        claimed=max(claims, key=list(Outcome).index, default=None),
        claimed_reasons=ends[-1].reasons if ends else (),
        expected=any(each.checks for each in ChecksExpected.all(log)),
        checks=checks,
        triggers=_fired(log),
        unaccepted=[stage.id for stage in stages if _undecided(stage, accepted)],
        rollbacks=rollbacks,
        flags=flags,
        may_stay_on={stage.flag for stage in stages if stage.kept and stage.id in passed & accepted},
        awaiting=sum(line.state == "AWAITING" for line in lines),
        waived={waiver.item for waiver in waivers if waiver.valid},
        facts=facts,
        covered=covered(lines, [stage.id for stage in stages]),
        begun=bool(RunStarted.all(log)),
        trouble=(*unreal, *_changed(facts.code), *surprises, *_refusals(log), *_switched_off(stages, flags)),
    )
    closing = judge(grounds)
    return Record(
        outcome=closing.outcome,
        claimed=grounds.claimed,
        reasons=closing.reasons,
        facts=replace(facts, exit_code=closing.exit_code if ends else None),
        counts=count(checks),
        stages=stages,
        lines=lines,
        checks=checks,
        sign_offs=tuple(signed.values()),
        waivers=waivers,
        timeline=moments,
        rollbacks=rollbacks,
        rollback_failure=grounds.ending.rollback_failure if grounds.ending else "",
        flags=flags,
        findings=fold_findings(checks),
        problems=(*surprises, *unreal, *rejected_sign_offs(log)),
        events=len(log),
        last_hash=log[-1].hash if log else GENESIS,
    )


def _unreal(checks: Sequence[Check], lines: Sequence[Line]) -> tuple[str, ...]:
    """Name the items of checks that the checklist does not have."""
    unknown = sorted({item for check in checks for item in check.items} - {line.id for line in lines})
    return tuple(f"the checklist has no item {item}, which a check names" for item in unknown)


def _undecided(stage: Stage, accepted: Collection[str]) -> bool:
    """Tell whether a flagged stage began and was not accepted; a stage of an absent service needs no acceptance."""
    began = bool(stage.flag and stage.started_at) and stage.verdict is not Verdict.NOT_APPLICABLE
    return began and stage.id not in accepted


def conclude(events: Iterable[Event], ending: Ending) -> Closing:
    """Derive how a run ends, before its last event is written."""
    log = list(events)
    record = build([*log, _end(log, asdict(ending))])
    return Closing(record.outcome, record.reasons, record.facts.exit_code or 0)


def _changed(code: Mapping[str, Any]) -> list[str]:
    """Say that the checkout changed during the run: nobody knows which of the two commits was tested."""
    before, after = (str(code.get(moment, {}).get("checkout") or "") for moment in ("before", "after"))
    told = f"CODE_DIR was at {before} when the run began and at {after} when it ended"
    return [told] if before and after and before != after else []


def _accepted(log: Sequence[Event]) -> set[str]:
    """Give the stages that were accepted and not rolled back, in their last try."""
    accepted, undone = set[str](), set[str]()
    for event in log:
        if begun := StageStarted.read(event):
            undone.discard(begun.stage)
        elif back := RollbackStarted.read(event) or RollbackFinished.read(event):
            accepted.discard(back.stage)
            undone.add(back.stage)
        elif (taken := StageAccepted.read(event)) and taken.stage not in undone:
            accepted.add(taken.stage)
    return accepted


def _switched_off(stages: Iterable[Stage], flags: Mapping[str, Any]) -> list[str]:
    """Say that a flag that was left enabled is off at the end: nobody knows what is tested then."""
    return [
        f"{stage.flag} was left enabled by stage {stage.id} and was {flags[stage.flag]} when the log ended"
        for stage in stages
        if stage.kept and stage.flag in flags and not on(flags[stage.flag])
    ]


def _fired(log: Sequence[Event]) -> list[tuple[Verdict, str]]:
    """Give the triggers that fired, without those of an earlier try: rolled back, and the stage accepted since."""
    open_: list[tuple[TriggerFired, bool]] = []
    for event in log:
        if fired := TriggerFired.read(event):
            open_.append((fired, False))
        elif back := RollbackStarted.read(event):
            open_ = [(each, undone or each.stage == back.stage) for each, undone in open_]
        elif accepted := StageAccepted.read(event):
            open_ = [(each, undone) for each, undone in open_ if each.stage != accepted.stage or not undone]
    return [(verdict_of(each.verdict), f"{each.trigger}: {each.reason}") for each, _ in open_]


def _refusals(log: Sequence[Event]) -> list[str]:
    """Say why a run did not begin: its refusal, and the notes beside it."""
    if RunStarted.all(log):
        return []
    return [*(f"{REFUSED} {each.reason}" for each in RunRefused.all(log)), *(note.text for note in Note.all(log))]


def _ending(end: RunFinished) -> Ending:
    """Read how pytest ended; a log without pytest's status has only the run's exit code."""
    status = end.exit_code if end.pytest_status is None else end.pytest_status
    return Ending(status or 0, end.interrupted_by, end.rollback_failure, end.data_left)


def _outcome(end: RunFinished) -> Outcome:
    try:
        return Outcome(end.outcome)
    except ValueError:
        return Outcome.INCONCLUSIVE


def _facts(log: Sequence[Event], stages: Sequence[Stage]) -> Facts:
    start = RunStarted.last(log) if RunStarted.all(log) else RunRefused.last(log)
    first, last = (log[0].at, log[-1].at) if log else ("", "")
    facts = Facts(
        **{each.name: getattr(start, each.name) for each in fields(start) if each.name not in ("reason", "prefix")},
        code={seen.moment: asdict(seen) for seen in CodeSeen.all(log)},
        started_at=first,
        finished_at=last,
        seconds=between(first, last),
    )
    if facts.planned_minutes is None:
        return replace(facts, planned_minutes=sum(stage.planned_minutes or 0 for stage in stages) or None)
    return facts


def so_far(events: Iterable[Event]) -> Record:
    """Build the record of an event log to which more is still being written.

    Checks to come are left out.
    """
    log = list(events)
    done = {each.nodeid for each in CheckFinished.all(log)}
    only_done = (expecting(event, lambda check: check.get("nodeid") in done) for event in log)
    return build([*only_done, _end(log, asdict(Ending()))])


def _end(log: Sequence[Event], data: Mapping[str, Any]) -> Event:
    last = log[-1].hash if log else ""
    return Event(len(log), datetime.now(UTC).isoformat(timespec="milliseconds"), RunFinished.kind, data, last, "")
