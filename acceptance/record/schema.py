"""Define the shapes of a record: frozen, JSON-able, all that a page, a text or a machine needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import PositiveInt, TypeAdapter, WithJsonSchema

from acceptance.checklist import State
from acceptance.evidence import Evidence
from acceptance.finding import Severity
from acceptance.gates.figures import GateFigures, TriggerState
from acceptance.kinds import RunFacts
from acceptance.outcome import REFUSED
from acceptance.verdict import Outcome, Verdict

Counts = Mapping[str, int]
Piece = Annotated[Mapping[str, Any], WithJsonSchema(TypeAdapter(Evidence).json_schema())]
"""One piece of evidence, as the event log has it."""
SeverityName = Annotated[str, WithJsonSchema({"enum": list(Severity.__members__)})]


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `at` is UTC, RFC 3339; `mark` is `good`, `bad`, `warn` or empty."""

    at: str
    kind: str
    text: str
    stage: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Claim:
    """What a check claimed, and what it saw when the claim held."""

    expected: str
    observed: str


@dataclass(frozen=True)
class Check:
    """One check of the run, finished or not; `seconds` is None when it never ran.

    `number` is its place in the run, from 1, and its anchor on the page. Evidence is as the event log has it.
    """

    number: PositiveInt
    nodeid: str
    stage: str
    phase: str
    items: tuple[str, ...]
    title: str
    verdict: Verdict
    reason: str
    seconds: float | None = None
    worker: str = ""
    at: str = ""
    claims: tuple[Claim, ...] = ()
    evidence: tuple[Piece, ...] = ()

    @property
    def name(self) -> str:
        """The node id without its file: `test_x[case]`."""
        return self.nodeid.partition("::")[2] or self.nodeid


@dataclass(frozen=True)
class Gate(GateFigures):
    """One measured gate; `piece` is the place of its evidence (with the series) in check number `check`."""

    check: int = 0
    piece: int = 0


@dataclass(frozen=True)
class FindingKind:
    """All findings of one kind, worst first; `checks` holds the numbers of the checks that found them."""

    kind: str
    severity: SeverityName
    count: int
    checks: tuple[int, ...]
    subjects: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class Phase:
    """One phase of a stage: its worst verdict and how many checks ended how; `fired`: a trigger fired in it."""

    name: str
    verdict: Verdict
    counts: Counts
    fired: bool = False


@dataclass(frozen=True)
class Group:
    """Security checks of one kind: all cases of one test function; `failing` holds check numbers."""

    kind: str
    title: str
    verdict: Verdict
    counts: Counts
    failing: tuple[int, ...]


@dataclass(frozen=True)
class Rollback:
    """One rollback: why, how it ended (`ok` is None when the log ends before) and what is left to do by hand.

    `routine` is True where a rehearsal restored its flag, as it should. `state_found`: how flags and services were
    found after one that failed.
    """

    stage: str
    reason: str
    ok: bool | None
    account: str
    seconds: float | None
    by_hand: tuple[str, ...]
    at: str
    triggers: tuple[str, ...] = ()
    routine: bool = False
    state_found: tuple[str, ...] = ()


def last_tries(rollbacks: Iterable[Rollback]) -> tuple[Rollback, ...]:
    """Give each rollback once: what failed is tried again at the end of the run, and the last try is what counts."""
    found: list[Rollback] = []
    for each in rollbacks:
        again = [place for place, one in enumerate(found) if one.stage == each.stage and one.ok is False]
        if again:
            found[again[-1]] = replace(each, reason=found[again[-1]].reason, triggers=found[again[-1]].triggers)
        else:
            found.append(each)
    return tuple(found)


@dataclass(frozen=True)
class Stage:
    """One stage with all that was seen in it; `seconds` is None when it did not start or not end."""

    id: str
    title: str
    risk: str
    flag: str
    planned_minutes: float | None
    verdict: Verdict
    reason: str
    kept: bool | None
    started_at: str
    finished_at: str
    seconds: float | None
    counts: Counts
    phases: tuple[Phase, ...]
    gates: tuple[Gate, ...]
    triggers: tuple[TriggerState, ...]
    security: tuple[Group, ...]
    timeline: tuple[Moment, ...]


@dataclass(frozen=True)
class SignOff:
    """Who confirmed an item, and when."""

    item: str
    name: str
    at: str
    note: str


@dataclass(frozen=True)
class Waiver:
    """Who let an item pass without proof, why, and until when; `valid` is False once it had expired."""

    item: str
    reason: str
    approver: str
    expires: str
    valid: bool


@dataclass(frozen=True)
class Line:
    """One checklist item with its state; `checks` holds check numbers."""

    id: str
    chapter: str
    level: str
    text: str
    state: State
    why: str
    checks: tuple[int, ...]
    sign_off: SignOff | None = None
    waiver: Waiver | None = None


@dataclass(frozen=True)
class Facts(RunFacts):
    """What the log says of the run as a whole; empty where it does not."""

    code: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    finished_at: str = ""
    seconds: float | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class Record:
    """The whole record of one run: what its event log gives.

    Times are UTC, RFC 3339; durations are seconds unless the name says minutes; check numbers point into `checks`,
    from 1.

    Attributes:
        outcome: The run's outcome: what the run claimed, or worse when its events contradict the claim.
        claimed: What `run.finished` said; None when the log ends without it.
        reasons: Why, most important first.
        findings: What was wrong, by kind, worst first.
        problems: What does not fit together in the log itself.
        rollback_failure: What could not be undone at the end of the run, with the commands to do it by hand; or empty.
        flags: Flag -> last known value, as the log gives it.
        events: How many events the log holds.
        last_hash: Hash of the last one: names the log's exact content.
    """

    outcome: Outcome
    claimed: Outcome | None
    reasons: tuple[str, ...]
    facts: Facts
    counts: Counts
    stages: tuple[Stage, ...]
    lines: tuple[Line, ...]
    checks: tuple[Check, ...]
    sign_offs: tuple[SignOff, ...]
    waivers: tuple[Waiver, ...]
    timeline: tuple[Moment, ...]
    rollbacks: tuple[Rollback, ...]
    rollback_failure: str
    flags: Mapping[str, Any]
    findings: tuple[FindingKind, ...]
    problems: tuple[str, ...]
    events: int
    last_hash: str

    @property
    def awaiting(self) -> tuple[Line, ...]:
        """The items whose sign-off is missing; a survey asks for none, for it accepts nothing."""
        lines = () if self.facts.mode == "survey" else self.lines
        return tuple(line for line in lines if line.state is State.AWAITING)

    @property
    def refused(self) -> bool:
        """Whether the run was refused before it began."""
        return not self.facts.run_id and any(reason.startswith(REFUSED) for reason in self.reasons)

    @property
    def rollback_failed(self) -> bool:
        """Whether something could not be undone."""
        return bool(self.rollback_failure) or any(each.ok is False for each in self.tries)

    @property
    def tries(self) -> tuple[Rollback, ...]:
        """Each rollback once, by its last try."""
        return last_tries(self.rollbacks)

    @property
    def rolled_back(self) -> tuple[Rollback, ...]:
        """The rollbacks because something was wrong, without the restores after a rehearsal."""
        return tuple(each for each in self.tries if not each.routine)
