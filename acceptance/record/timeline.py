"""The words of the timeline: one sentence per event that a reader must know of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from acceptance.events import Event
from acceptance.record.schema import Moment

Data = Mapping[str, Any]


def on(value: object) -> bool:
    """Whether a flag's value switches it on."""
    return str(value).strip().lower() in {"true", "1", "on", "yes"}


def timeline(events: Iterable[Event]) -> tuple[Moment, ...]:
    """Give the moments of a run in order; events that say nothing to a reader are left out."""
    result, current = [], ""
    for event in _without_confirmed(tuple(events)):
        # A service's restart does not say for which stage it is: it is for the one spoken of last.
        current = str(event.data.get("stage") or current)
        if words := _WORDS.get(event.kind):
            text, mark = words(event.data)
            stage = current if event.kind.startswith("service.") else str(event.data.get("stage") or "")
            result.append(Moment(event.at, event.kind, text, stage, mark))
    return tuple(result)


def _without_confirmed(log: tuple[Event, ...]) -> Iterable[Event]:
    """Leave out an announcement that its own event confirms later: only an open one tells something."""
    closing = {"flag.changing": "flag.changed", "service.restarting": "service.restarted"}
    for place, event in enumerate(log):
        if event.kind in closing:
            later = (each.kind for each in log[place + 1 :] if each.kind in (event.kind, closing[event.kind]))
            if next(later, None) == closing[event.kind]:
                continue
        yield event


def _verdict_mark(verdict: object) -> str:
    marks = {"PASS": "good", "GO": "good", "FAIL": "bad", "NO-GO": "bad", "SKIPPED": ""}
    return marks.get(str(verdict), "warn")


def _restarted(data: Data) -> tuple[str, str]:
    code = data.get("exit_code")
    name, before, now = data.get("service"), data.get("started_before"), data.get("started_after")
    if code not in (0, None):
        return f"{name}: restart command ended with exit code {code} ({data.get('command')})", "bad"
    if now is None:
        return f"{name}: restarted and healthy, but a new process was not seen ({data.get('command')})", "warn"
    if before is not None and now <= before:
        return f"{name}: restart command ended well, but the process is the old one", "bad"
    return f"{name} restarted in {_seconds(data)} ({data.get('command')})", ""


def _rolled_back(data: Data) -> tuple[str, str]:
    state = "finished" if data.get("ok") else "FAILED"
    return f"Rollback {state}: {data.get('account')}", "good" if data.get("ok") else "bad"


def _seconds(data: Data) -> str:
    seconds = data.get("seconds")
    return f"{seconds:.1f} s" if isinstance(seconds, int | float) else "an unknown time"


_WORDS: dict[str, Callable[[Data], tuple[str, str]]] = {
    "run.started": lambda d: (f"Run started by {d.get('operator') or 'nobody named'} ({d.get('mode')})", ""),
    "stage.started": lambda d: (f"Stage {d.get('stage')} started: {d.get('title')}", ""),
    "flag.changing": lambda d: (f"{d.get('flag')}: about to be set to {d.get('value')}", ""),
    "flag.changed": lambda d: (f"{d.get('flag')} changed from {d.get('before')} to {d.get('after')}", ""),
    "service.restarting": lambda d: (f"{d.get('service')}: restart asked for", ""),
    "service.restarted": _restarted,
    "trigger.fired": lambda d: (
        f"Trigger {d.get('trigger')} fired: {d.get('value')} against {d.get('threshold')}: {d.get('reason')}",
        "bad",
    ),
    "stage.accepted": lambda d: (f"Stage {d.get('stage')} accepted by its exit gate", "good"),
    "flag.restored": lambda d: (f"{d.get('flag')} set back after the rehearsal, in {_seconds(d)}", "good"),
    "rollback.started": lambda d: (f"Rollback started: {d.get('reason')}", "warn"),
    "rollback.finished": _rolled_back,
    "recovery.undone": lambda d: (f"Left over from run {d.get('run')} and undone: {d.get('what')}", "warn"),
    "signoff.given": lambda d: (f"{d.get('item')} signed off by {d.get('name')}", "good"),
    "waiver.used": lambda d: (
        f"{d.get('item')} waived by {d.get('approver')} until {d.get('expires')}",
        "warn",
    ),
    "interrupted": lambda d: (f"Interrupted by {d.get('signal')}", "bad"),
    "note": lambda d: (str(d.get("text") or ""), ""),
    "stage.finished": lambda d: (
        f"Stage {d.get('stage')} finished: {d.get('verdict')}{', ' if d.get('reason') else ''}"
        f"{d.get('reason') or ''}{' (flag kept on)' if d.get('kept') else ''}",
        _verdict_mark(d.get("verdict")),
    ),
    "run.finished": lambda d: (f"Run finished: {d.get('outcome')}", _verdict_mark(d.get("outcome"))),
}
