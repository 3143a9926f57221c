"""Define the kinds of events in a run's log, each with its fields, for those who write and those who read.

Reading forgives, since a log may be older than this code or torn: what is missing is empty, and what is unknown is left
out. Writing does not: the type checker knows the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Protocol, Self, dataclass_transform, get_args, get_origin, get_type_hints


class Log(Protocol):
    """Where events are written; `acceptance.events.EventLog` is one."""

    def append(self, kind: str, /, **data: Any) -> object:
        """Write one event."""


class Told(Protocol):
    """An event of the log, as `read` finds it there."""

    @property
    def kind(self) -> str:
        """Give its dotted name."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Give its fields."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of event, which makes it a frozen dataclass; `kind` is its dotted name in the log."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def read(cls, event: Told) -> Self | None:
        """Give an event as this kind; None when it is of another."""
        return cls.of(event.data) if event.kind == cls.kind else None

    @classmethod
    def all(cls, log: Iterable[Told]) -> list[Self]:
        """Give all events of this kind, in order."""
        return [found for event in log if (found := cls.read(event)) is not None]

    @classmethod
    def last(cls, log: Iterable[Told]) -> Self:
        """Give the last event of this kind, an empty one where there is none."""
        return next(reversed(cls.all(log)), cls())

    @classmethod
    def first(cls, log: Iterable[Told]) -> Self:
        """Give the first event of this kind, an empty one where there is none."""
        return next((found for event in log if (found := cls.read(event)) is not None), cls())

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read the fields; one that is missing or null is what the type has for empty."""
        hints = _types(cls)  # type: ignore[arg-type]
        known = {each.name: data[each.name] for each in fields(cls) if data.get(each.name) is not None}
        return cls(**{name: _as(hints[name], value) for name, value in known.items()})

    def tell(self, log: Log) -> None:
        """Write it."""
        log.append(self.kind, **{each.name: getattr(self, each.name) for each in fields(self)})


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What was run, where, by whom, in which mode, and on what grounds outside its window.

    `follows`: the target's last run when this one began, as far as its record was beside this one's.
    """

    run_id: str = ""
    follows: str = ""
    suite_version: str = ""
    commit: str = ""
    target: Mapping[str, Any] = field(default_factory=dict)
    target_kind: str = ""
    mode: str = ""
    operator: str = ""
    ticket: str = ""
    host: str = ""
    python: str = ""
    argv: tuple[str, ...] = ()
    surroundings: Mapping[str, Any] = field(default_factory=dict)
    planned_minutes: float | None = None
    soak_note: str = ""
    outside_window: str | None = None
    window: Mapping[str, Any] | None = None


class RunStarted(RunFacts, Kind):
    """A run began; `prefix` is what its test data begins with, and what its trace ids are made from."""

    kind = "run.started"
    prefix: str = ""


class RunRefused(Kind):
    """A run was refused before it began; it has no run id, and changed nothing."""

    kind = "run.refused"
    reason: str = ""
    target: Mapping[str, Any] = field(default_factory=dict)
    target_kind: str = ""
    mode: str = ""
    operator: str = ""
    ticket: str = ""
    outside_window: str | None = None


class CodeSeen(Kind):
    """Which Butler it was before or after the run; see `acceptance.observe.deployed.Code`."""

    kind = "code.seen"
    moment: str = ""
    checkout: str = ""
    main: str = ""
    changed: tuple[str, ...] = ()
    running: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


class ChecksExpected(Kind):
    """The checks that a run must answer."""

    kind = "checks.expected"
    checks: tuple[Mapping[str, Any], ...] = ()


class StageStarted(Kind):
    """A stage began."""

    kind = "stage.started"
    stage: str = ""
    title: str = ""
    risk: str = ""
    flag: str = ""
    planned_minutes: float | None = None


class StageFinished(Kind):
    """A stage ended.

    `kept`: its flag is left enabled. `evaluations` of triggers, None where its flag was never on. `triggers`: how each
    stood at last, see `acceptance.gates.figures.TriggerState`.
    """

    kind = "stage.finished"
    stage: str = ""
    verdict: str = ""
    reason: str = ""
    kept: bool | None = None
    evaluations: int | None = None
    triggers: tuple[Mapping[str, Any], ...] = ()


class StageAccepted(Kind):
    """A stage's exit gate accepted it."""

    kind = "stage.accepted"
    stage: str = ""


class FlagChanging(Kind):
    """A flag is about to be changed; without a `flag.changed` after it, the change counts as made."""

    kind = "flag.changing"
    stage: str = ""
    flag: str = ""
    value: str = ""


class FlagChanged(Kind):
    """A flag was changed, and its service restarted."""

    kind = "flag.changed"
    stage: str = ""
    flag: str = ""
    before: str | None = None
    after: str = ""
    file: str = ""


class FlagRestored(Kind):
    """A flag was restored because a rehearsal was over; no rollback."""

    kind = "flag.restored"
    stage: str = ""
    flag: str = ""
    account: str = ""
    seconds: float | None = None


class ServiceRestarting(Kind):
    """A service is about to be restarted."""

    kind = "service.restarting"
    service: str = ""


class ServiceRestarted(Kind):
    """A service was restarted; starts are those of its process, in unix seconds."""

    kind = "service.restarted"
    service: str = ""
    command: str = ""
    exit_code: int | None = None
    output: str = ""
    started_before: float | None = None
    started_after: float | None = None
    seconds: float | None = None


class HttpBroken(Kind):
    """A request that breaks HTTP on purpose is over: what the server logs of it may have no trace id and no name."""

    kind = "http.broken"
    service: str = ""
    seconds: float = 0.0


class TriggerFired(Kind):
    """A rollback trigger fired; INCONCLUSIVE where its watch went blind."""

    kind = "trigger.fired"
    stage: str = ""
    trigger: str = ""
    items: tuple[str, ...] = ()
    value: float | None = None
    threshold: str = ""
    reason: str = ""
    verdict: str = "FAIL"


class RollbackStarted(Kind):
    """A stage is being rolled back."""

    kind = "rollback.started"
    stage: str = ""
    reason: str = ""


class RollbackFinished(Kind):
    """A rollback ended; a second one replaces the first.

    Where it failed, `state` says in words how flags and services were found then, and `flags` gives the flags' values.
    """

    kind = "rollback.finished"
    stage: str = ""
    ok: bool = False
    account: str = ""
    seconds: float | None = None
    by_hand: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)


class RecoveryUndone(Kind):
    """What an earlier run, or this one's watchdog that is gone, had left was undone.

    `flags`: their values since then.
    """

    kind = "recovery.undone"
    run: str = ""
    what: str = ""
    account: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)


class CheckFinished(Kind):
    """A check ended: its verdict, what it claimed and saw, and its evidence."""

    kind = "check.finished"
    nodeid: str = ""
    stage: str = ""
    phase: str = ""
    items: tuple[str, ...] = ()
    title: str = ""
    verdict: str = ""
    reason: str = ""
    seconds: float | None = None
    worker: str = ""
    claims: tuple[Mapping[str, str], ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()


class SignoffGiven(Kind):
    """A person confirmed an item; `by`: the login that entered it."""

    kind = "signoff.given"
    item: str = ""
    name: str = ""
    at: str = ""
    note: str = ""
    ticket: str = ""
    by: str = ""


class WaiverUsed(Kind):
    """An item was let pass without proof; a bare date in `expires` is the last good day."""

    kind = "waiver.used"
    item: str = ""
    reason: str = ""
    approver: str = ""
    expires: str = ""


class MessageSent(Kind):
    """A text of a deployment was delivered; `what` is `post` or `email`, `by` who sent it. Kept beside the records."""

    kind = "message.sent"
    what: str = ""
    to: str = ""
    text: str = ""
    run_id: str = ""
    ticket: str = ""
    target: str = ""
    by: str = ""


class RecordAttaching(Kind):
    """A record's page is about to be attached to a ticket by the target's command. Kept beside the record's log."""

    kind = "record.attaching"
    ticket: str = ""
    digest: str = ""
    by: str = ""


class RecordAttached(Kind):
    """The command that attaches ended; `receipt`: what the ticket system answered, empty where it took nothing."""

    kind = "record.attached"
    exit_code: int | None = None
    receipt: str = ""
    output: str = ""


class Interrupted(Kind):
    """A run was ended by a signal."""

    kind = "interrupted"
    signal: str = ""
    at: str = ""


class Note(Kind):
    """A sentence for the reader."""

    kind = "note"
    text: str = ""


class RunFinished(Kind):
    """A run ended: what it claims, and what that follows from."""

    kind = "run.finished"
    outcome: str = ""
    reasons: tuple[str, ...] = ()
    exit_code: int | None = None
    pytest_status: int | None = None
    interrupted_by: str = ""
    rollback_failure: str = ""
    data_left: str = ""


KINDS: Mapping[str, type[Kind]] = {each.kind: each for each in Kind.__subclasses__()}
"""Every kind, by its name."""


def stage_of(event: Told) -> str:
    """Give the stage that an event is about; empty where it is about none."""
    return str(event.data.get("stage") or "")


@cache
def _types(kind: type[Any]) -> dict[str, Any]:
    """Give the types of a kind's fields; a record asks for them once an event."""
    return get_type_hints(kind)


def _as(hint: Any, value: Any) -> Any:
    """Give a value as its field's type where that loses nothing: text for text, a tuple for a list."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        found = tuple(value) if isinstance(value, list | tuple) else ()
        return tuple(map(str, found)) if inner is str else found
    options = set(get_args(hint)) or {hint}
    if str in options and get_origin(hint) is not Mapping:
        return str(value)
    if bool in options:
        return value is True
    if options & {int, float}:
        return value if isinstance(value, int | float) else None
    return value
