"""Fold an event log into a record. Pure: the same events always give the same record.

The page, the texts and ``record.json`` are drawn from what ``build`` gives, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from acceptance.events import GENESIS, Event, expecting
from acceptance.record.checks import count, fold_checks, fold_findings
from acceptance.record.formatting import between
from acceptance.record.reconcile import Grounds, judge
from acceptance.record.schema import Check, Facts, Record
from acceptance.record.signoffs import fold_lines, fold_sign_offs, fold_waivers, unheard
from acceptance.record.stages import fold_flags, fold_rollbacks, fold_stages
from acceptance.record.timeline import timeline
from acceptance.verdict import Outcome, Verdict


def build(events: Iterable[Event]) -> Record:
    """Fold events, in log order, into a record."""
    log = tuple(events)
    checks, surprises = fold_checks(log)
    moments = timeline(log)
    stages = fold_stages(log, checks, moments)
    passed = {stage.id for stage in stages if stage.verdict is Verdict.PASS}
    rollbacks = fold_rollbacks(log)
    signed, waivers = fold_sign_offs(log), fold_waivers(log)
    lines = fold_lines(checks, [stage.id for stage in stages], signed, waivers)
    unknown = sorted({item for check in checks for item in check.items} - {line.id for line in lines})
    unreal = tuple(f"the checklist has no item {item}, which a check names" for item in unknown)
    end = _last(log, "run.finished")
    facts, flags = _facts(log), fold_flags(log)
    if facts.planned_minutes is None:
        facts = replace(facts, planned_minutes=sum(stage.planned_minutes or 0 for stage in stages) or None)
    grounds = Grounds(
        claimed=_outcome(end),
        claimed_reasons=_explained([str(reason) for reason in end.get("reasons") or ()], checks),
        expected=any(event.data.get("checks") for event in log if event.kind == "checks.expected"),
        checks=checks,
        rollbacks=rollbacks,
        flags=flags,
        may_stay_on={stage.flag for stage in stages if stage.kept and stage.id in passed},
        awaiting=sum(line.state == "AWAITING" for line in lines),
        waived={waiver.item for waiver in waivers if waiver.valid},
        facts=facts,
        begun=any(event.kind == "run.started" for event in log),
        trouble=(*unreal, *_refusals(log)),
    )
    outcome, reasons = judge(grounds)
    return Record(
        outcome=outcome,
        claimed=grounds.claimed,
        reasons=reasons,
        facts=facts,
        counts=count(checks),
        stages=stages,
        lines=lines,
        checks=checks,
        sign_offs=tuple(signed.values()),
        waivers=waivers,
        timeline=moments,
        rollbacks=rollbacks,
        flags=flags,
        findings=fold_findings(checks),
        problems=(*surprises, *unreal, *unheard(log)),
        events=len(log),
        last_hash=log[-1].hash if log else GENESIS,
    )


def _explained(reasons: Sequence[str], checks: Sequence[Check]) -> tuple[str, ...]:
    """Say a reason that only names a check (``FAIL: <node id>``) in that check's own words."""
    by_name = {f"{check.verdict}: {check.nodeid}": check for check in checks}
    return tuple(
        f"{found.title.rstrip('.') or found.name}: {found.reason or found.verdict}"
        if (found := by_name.get(each))
        else each
        for each in reasons
    )


def _refusals(log: Sequence[Event]) -> list[str]:
    """Give the notes of a run that was not begun: they say why."""
    if any(event.kind == "run.started" for event in log):
        return []
    return [str(event.data.get("text")) for event in log if event.kind == "note"]


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


def so_far(events: Iterable[Event]) -> Record:
    """Build the record of an event log to which more is still being written.

    Checks to come are left out and the run claims a GO; as always, the record shows a worse outcome when the events
    before it do not bear that out.
    """
    log = list(events)
    done = {event.data.get("nodeid") for event in log if event.kind == "check.finished"}
    only_done = (expecting(event, lambda check: check.get("nodeid") in done) for event in log)
    return build([*only_done, _end(log)])


def _end(log: list[Event]) -> Event:
    data = {"outcome": Outcome.GO.value, "reasons": [], "exit_code": 0}
    last = log[-1].hash if log else ""
    return Event(len(log), datetime.now(UTC).isoformat(timespec="milliseconds"), "run.finished", data, last, "")
