"""Derive the one outcome of a run from its events; whoever tells an outcome tells this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acceptance.finding import Finding, Severity, rank
from acceptance.outcome import EXPLAINED, INTERRUPTED, NOTHING_RAN, REFUSED, Closing, Ending
from acceptance.record.checks import findings_of
from acceptance.record.documents import MISSING
from acceptance.record.formatting import counted
from acceptance.record.schema import Check, Facts, Rollback
from acceptance.record.timeline import on
from acceptance.verdict import SILENT, ExitCode, Outcome, Verdict

_RANK = (Outcome.GO, Outcome.SURVEY, Outcome.INCONCLUSIVE, Outcome.NO_GO, Outcome.INTERRUPTED)
_STAND_FOR = {Verdict.INCONCLUSIVE: "had no data", Verdict.NOT_RUN: "did not run"}


@dataclass(frozen=True)
class Grounds:
    """All that the outcome rests on.

    Attributes:
        ending: How pytest ended; None when the log ends without `run.finished`.
        claimed: The worst outcome that a `run.finished` said; None where none said one.
        claimed_reasons: The reasons that it gave.
        expected: Whether any check was expected at all.
        checks: All checks, also those that were expected and never ran.
        triggers: What fired and was neither rolled back nor followed by an acceptance, by verdict.
        unaccepted: Flagged stages that began and were not accepted.
        rollbacks: All rollbacks.
        flags: Flag -> last known value.
        may_stay_on: Flags of stages that were accepted and ended with the flag left enabled.
        awaiting: How many sign-offs are missing.
        waived: Items with a valid waiver: a check of waived items only does not decide.
        covered: How many lines of the checklist were checked, in words: what a GO rests on.
        facts: Mode and kind of target decide what a missing sign-off means.
        begun: Whether the run began at all; if not, it was refused before anything was changed.
        trouble: What makes a GO impossible to believe, such as checks that name unknown items.
    """

    ending: Ending | None
    claimed: Outcome | None
    claimed_reasons: Sequence[str]
    expected: bool
    checks: Sequence[Check]
    rollbacks: Sequence[Rollback]
    flags: Mapping[str, Any]
    may_stay_on: Collection[str]
    awaiting: int
    waived: Collection[str]
    facts: Facts
    covered: str = ""
    begun: bool = True
    triggers: Sequence[tuple[Verdict, str]] = field(default=())
    unaccepted: Sequence[str] = field(default=())
    trouble: Sequence[str] = field(default=())


def judge(grounds: Grounds) -> Closing:
    """Give the outcome, its reasons with the worst first, and the exit code that follows.

    Zero checks are never GO (design.md, "What measuring the peers taught", 3), nor is a run whose log ends
    without a word, nor one whose exit status no check explains, nor a production run that lacks a sign-off.
    """
    if grounds.facts.mode == "survey" and grounds.begun:
        return _surveyed(grounds)
    bad, open_, cut = _failures(grounds), _gaps(grounds), _interruption(grounds)
    derived = Outcome.INCONCLUSIVE if open_ else Outcome.GO
    if bad:
        derived = Outcome.NO_GO
    if cut and not _rollback_failed(grounds):
        derived = Outcome.INTERRUPTED
    outcome = max(grounds.claimed or derived, derived, key=_RANK.index)
    ours = [*cut, *bad, *open_]
    if grounds.claimed and outcome is not grounds.claimed:
        ours.insert(0, f"the run claimed {grounds.claimed}, which its events contradict")
    reasons = tuple(dict.fromkeys([*_urgent(grounds), *grounds.claimed_reasons, *ours]))
    ran = counted(grounds.checks)
    told = reasons or (f"{grounds.covered}; no expected check is missing, and none failed: {ran}",)
    return Closing(outcome, tuple(dict.fromkeys([*told, *_absent(grounds)])), _exit_code(outcome, grounds))


def _absent(grounds: Grounds) -> list[str]:
    """Name the parts that the target file declares absent: a GO says nothing of them."""
    why = Counter(check.reason for check in grounds.checks if check.verdict is Verdict.NOT_APPLICABLE)
    return [f"NOT APPLICABLE: {reason} ({_checks(count)})" for reason, count in why.items()]


def _surveyed(grounds: Grounds) -> Closing:
    """Tell a survey: everything that is wrong, worst first. It is never GO, nor does it end with 0."""
    failing = [check for check in _deciding(grounds) if check.verdict is Verdict.FAIL]
    bad = [*_urgent(grounds), *(_named(check) for check in worst_first(failing))]
    cut = _interruption(grounds)
    outcome = Outcome.INTERRUPTED if cut else Outcome.SURVEY
    code = 1 if bad else ExitCode.INCONCLUSIVE
    if _rollback_failed(grounds):
        code = ExitCode.ROLLBACK_FAILED
    told = tuple(dict.fromkeys([*cut, *bad, *_gaps(grounds)])) or (f"nothing wrong was found; {grounds.covered}",)
    return Closing(outcome, told, INTERRUPTED if cut else code)


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Sort checks by the worst of their findings; one that says only that it failed counts as HIGH, and last of it."""
    only_failed = Finding("failed", "", "", "", Severity.HIGH)

    def worst(check: Check) -> tuple[int, int]:
        return min(map(rank, findings_of(check) or [only_failed]))

    return sorted(checks, key=worst)


def _exit_code(outcome: Outcome, grounds: Grounds) -> int:
    deciding = _deciding(grounds)
    seen = {check.verdict for check in deciding}
    status = (grounds.ending or Ending()).pytest_status
    if outcome is Outcome.GO:
        return 0
    if _rollback_failed(grounds):  # guard: exit-code-12-of-the-run
        return ExitCode.ROLLBACK_FAILED
    if outcome is not Outcome.INCONCLUSIVE:
        return INTERRUPTED if outcome is Outcome.INTERRUPTED else 1
    if any(check.reason.startswith(REFUSED) for check in deciding):
        return ExitCode.REFUSED
    if Verdict.INCONCLUSIVE in seen:
        return ExitCode.INCONCLUSIVE
    if status not in EXPLAINED:
        return status
    if Verdict.PASS not in seen and not seen - {*SILENT}:
        return NOTHING_RAN
    return ExitCode.NOT_RUN if Verdict.NOT_RUN in seen else status or ExitCode.INCONCLUSIVE


def _interruption(grounds: Grounds) -> list[str]:
    if not grounds.begun:
        return []
    if grounds.ending is None:
        return ["the run was killed or its host went down: the event log ends without run.finished"]
    signal = grounds.ending.interrupted_by
    return [f"interrupted by {signal}; what was changed was undone"] if signal else []


def _rollback_failed(grounds: Grounds) -> bool:
    return bool(grounds.ending and grounds.ending.rollback_failure)


def _urgent(grounds: Grounds) -> list[str]:
    failed = [
        f"ROLLBACK FAILED in stage {each.stage}: {each.account}" for each in grounds.rollbacks if each.ok is False
    ]
    left = [
        f"{flag} was still {value} when the log ended, although its stage did not pass with the flag left enabled: "
        "set it to false and restart the service, as recover.py does: its command stands at the top"
        for flag, value in grounds.flags.items()
        if on(value) and flag not in grounds.may_stay_on
    ]
    told = (
        [f"ROLLBACK FAILED: {grounds.ending.rollback_failure}"] if grounds.ending and _rollback_failed(grounds) else []
    )
    return told + failed + left


def _failures(grounds: Grounds) -> list[str]:
    undone = [f"the rollback of stage {each.stage} did not end" for each in grounds.rollbacks if each.ok is None]
    failing = [check for check in _deciding(grounds) if check.verdict is Verdict.FAIL]
    fired = [f"TRIGGER: {reason}" for verdict, reason in grounds.triggers if verdict is Verdict.FAIL]
    named = [_named(check) for check in failing]
    return [*_urgent(grounds), *undone, *fired, *named, *([f"{_checks(len(failing))} failed"] if failing else [])]


def _gaps(grounds: Grounds) -> list[str]:
    reasons = [] if grounds.begun else ["the run did not begin: nothing was changed"]
    if grounds.ending and grounds.ending.data_left:
        reasons.append(f"LEFT TO THE NEXT START: {grounds.ending.data_left}")
    if not grounds.expected:
        reasons.append("no check was expected to run: nothing was proved")
    deciding = _deciding(grounds)
    reasons += [_named(check) for check in deciding if check.verdict is Verdict.INCONCLUSIVE]
    reasons += [
        f"TRIGGER without data: {reason}" for verdict, reason in grounds.triggers if verdict is not Verdict.FAIL
    ]
    for verdict, words in _STAND_FOR.items():
        if found := sum(check.verdict is verdict for check in deciding):
            reasons.append(f"{_checks(found)} {words}")
    if grounds.expected and not any(check.verdict is Verdict.PASS for check in grounds.checks):
        reasons.append("no check passed: nothing was proved")
    if grounds.facts.mode != "survey":
        reasons += [f"stage {stage} was not accepted" for stage in grounds.unaccepted]
    if grounds.awaiting and grounds.facts.target_kind == "production" and grounds.facts.mode == "deploy":
        reasons.append(f"{MISSING}: {grounds.awaiting}; a production GO needs them all")
    return [*reasons, *_unexplained(grounds), *grounds.trouble]


def _unexplained(grounds: Grounds) -> list[str]:
    """Name an exit status of pytest that no verdict explains, such as that of a file which does not import."""
    status = (grounds.ending or Ending()).pytest_status
    failing = any(check.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE) for check in grounds.checks)
    if status == INTERRUPTED and grounds.ending and grounds.ending.interrupted_by:
        return []
    if status in EXPLAINED and (status != 1 or failing):
        return []
    return [f"pytest ended with status {status}, which no check explains: see the terminal"]


def _named(check: Check) -> str:
    """Say a check and what it found in its own words; its node id where it has none."""
    if not check.title:
        return f"{check.verdict}: {check.nodeid}"
    return f"{check.title.rstrip('.')}: {check.reason or check.verdict}"


def _deciding(grounds: Grounds) -> list[Check]:
    return [check for check in grounds.checks if not (check.items and all(i in grounds.waived for i in check.items))]


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"
