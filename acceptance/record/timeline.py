"""Write one sentence for each event that a reader of the timeline must know of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from acceptance import kinds
from acceptance.events import Event
from acceptance.record.schema import Moment


def on(value: object) -> bool:
    """Tell whether a flag's value switches it on."""
    return str(value).strip().lower() in {"true", "1", "on", "yes"}


def timeline(events: Iterable[Event]) -> tuple[Moment, ...]:
    """Give the moments of a run in order; events that say nothing to a reader are left out."""
    result, current = [], ""
    for event in _without_confirmed(tuple(events)):
        # A service's restart does not say for which stage it is: it is for the one spoken of last.
        current = kinds.stage_of(event) or current
        if words := _WORDS.get(event.kind):
            text, mark = words(kinds.KINDS[event.kind].of(event.data))
            stage = current if event.kind.startswith("service.") else kinds.stage_of(event)
            result.append(Moment(event.at, event.kind, text, stage, mark))
    return tuple(result)


def _without_confirmed(log: tuple[Event, ...]) -> Iterable[Event]:
    """Leave out announcements that a later event confirms.

    A flag is confirmed when its service has restarted; it stands where it was set, before that restart.
    """
    closing = {"flag.changing": "flag.changed", "service.restarting": "service.restarted"}
    told: set[int] = set()
    for place, event in enumerate(log):
        if event.kind in closing:
            later = (each for each in log[place + 1 :] if each.kind in (event.kind, closing[event.kind]))
            end = next(later, None)
            if end and end.kind == closing[event.kind]:
                if end.kind == "flag.changed":
                    told.add(end.seq)
                    yield replace(end, at=event.at)
                continue
        if event.seq not in told:
            yield event


def _verdict_mark(verdict: object) -> str:
    marks = {"PASS": "good", "GO": "good", "FAIL": "bad", "NO-GO": "bad", "SKIPPED": ""}
    return marks.get(str(verdict), "warn")


def _restarted(data: kinds.ServiceRestarted) -> tuple[str, str]:
    before, now = data.started_before, data.started_after
    if data.exit_code not in (0, None):
        return f"{data.service}: restart command ended with exit code {data.exit_code} ({data.command})", "bad"
    if now is None:
        return f"{data.service}: restarted and healthy, but a new process was not seen ({data.command})", "warn"
    if before is not None and now <= before:
        return f"{data.service}: restart command ended well, but the process is the old one", "bad"
    return f"{data.service} restarted in {_seconds(data.seconds)} ({data.command})", ""


def _rolled_back(data: kinds.RollbackFinished) -> tuple[str, str]:
    return f"Rollback {'finished' if data.ok else 'FAILED'}: {data.account}", "good" if data.ok else "bad"


def _rolling_back(data: kinds.RollbackStarted) -> tuple[str, str]:
    """Give the reason, unless it is a trigger: that stands on the line before."""
    return "Rollback started" + ("" if data.reason.startswith("trigger ") else f": {data.reason}"), "warn"


def _stage_finished(data: kinds.StageFinished) -> tuple[str, str]:
    kept = " (flag left enabled)" if data.kept else ""
    return f"Stage {data.stage} finished: {data.verdict}{kept}", _verdict_mark(data.verdict)


def _fired(data: kinds.TriggerFired) -> tuple[str, str]:
    against = "" if data.value is None else f"{data.value} against {data.threshold}: "
    return f"Trigger {data.trigger} fired: {against}{data.reason}", "bad"


def _seconds(seconds: float | None) -> str:
    return f"{seconds:.1f} s" if seconds is not None else "an unknown time"


_WORDS: dict[str, Callable[[Any], tuple[str, str]]] = {
    "run.started": lambda d: (f"Run started by {d.operator or 'nobody named'} ({d.mode})", ""),
    "run.refused": lambda d: (f"Run refused: {d.reason}", "warn"),
    "stage.started": lambda d: (f"Stage {d.stage} started: {d.title}", ""),
    "flag.changing": lambda d: (f"{d.flag}: about to be set to {d.value}", ""),
    "flag.changed": lambda d: (f"{d.flag} changed from {d.before} to {d.after}", ""),
    "service.restarting": lambda d: (f"{d.service}: restart asked for", ""),
    "service.restarted": _restarted,
    "trigger.fired": _fired,
    "stage.accepted": lambda d: (f"Stage {d.stage} accepted by its exit gate", "good"),
    "flag.restored": lambda d: (f"{d.flag} restored after the rehearsal, in {_seconds(d.seconds)}", "good"),
    "rollback.started": _rolling_back,
    "rollback.finished": _rolled_back,
    "recovery.undone": lambda d: (f"Left over from run {d.run} and undone: {d.what}", "warn"),
    "signoff.given": lambda d: (f"{d.item} signed off by {d.name}", "good"),
    "waiver.used": lambda d: (f"{d.item} waived by {d.approver} until {d.expires}", "warn"),
    "interrupted": lambda d: (f"Interrupted by {d.signal}", "bad"),
    "note": lambda d: (d.text, ""),
    "stage.finished": _stage_finished,
    "run.finished": lambda d: (f"Run finished: {d.outcome}", _verdict_mark(d.outcome)),
}
