"""The outcome of a run: what it claimed, or worse when its own events do not bear the claim out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from acceptance.record.schema import Check, Facts, Rollback
from acceptance.record.timeline import on
from acceptance.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Grounds:
    """All that the outcome rests on.

    Attributes:
        claimed: What ``run.finished`` said, None without one.
        claimed_reasons: The reasons that it gave.
        expected: Whether any check was expected at all.
        checks: All checks.
        rollbacks: All rollbacks.
        flags: Flag -> last known value.
        may_stay_on: Flags of stages that ended with the flag kept.
        awaiting: How many sign-offs are missing.
        waived: Items with a valid waiver: a check of waived items only does not decide.
        facts: Mode and kind of target decide what a missing sign-off means.
        begun: Whether the run began at all; if not, it was refused before anything was changed.
        trouble: What makes a GO impossible to believe, such as checks that name unknown items.
    """

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
    begun: bool = True
    trouble: Sequence[str] = field(default=())


def judge(grounds: Grounds) -> tuple[Outcome, tuple[str, ...]]:
    """Give the outcome and its reasons, most important first; a reason of the run's own comes before ours.

    Zero checks are never GO (design.md, "What measuring the peers taught", 3), nor is a run whose log ends
    without a word, nor a production run that lacks a sign-off.
    """
    bad, open_ = _failures(grounds), _gaps(grounds)
    claimed = grounds.claimed or (Outcome.INTERRUPTED if grounds.begun else Outcome.INCONCLUSIVE)
    derived = Outcome.NO_GO if bad else Outcome.INCONCLUSIVE if open_ else Outcome.GO
    rank = (Outcome.GO, Outcome.INCONCLUSIVE, Outcome.NO_GO, Outcome.INTERRUPTED)
    outcome = max(claimed, derived, key=rank.index)
    ours = [*bad, *open_]
    if not grounds.begun:
        ours.insert(0, "the run did not begin: nothing was changed")
    elif grounds.claimed is None:
        ours.insert(0, "the event log ends without run.finished: the run was killed or its host went down")
    elif outcome is not grounds.claimed:
        ours.insert(0, f"the run claimed {grounds.claimed}, which its own events do not bear out")
    reasons = tuple(dict.fromkeys([*_urgent(grounds), *grounds.claimed_reasons, *ours]))
    return outcome, reasons or (f"every expected check ran, and none failed: {len(grounds.checks)}",)


def _urgent(grounds: Grounds) -> list[str]:
    failed = [
        f"ROLLBACK FAILED in stage {each.stage}: {each.account}" for each in grounds.rollbacks if each.ok is False
    ]
    left = [
        f"{flag} was still {value} when the log ended, although its stage did not pass with the flag kept: "
        "set it back and restart the service (scripts/ops/recover.py)"
        for flag, value in grounds.flags.items()
        if on(value) and flag not in grounds.may_stay_on
    ]
    return failed + left


def _failures(grounds: Grounds) -> list[str]:
    undone = [f"the rollback of stage {each.stage} did not end" for each in grounds.rollbacks if each.ok is None]
    failing = [check for check in _deciding(grounds) if check.verdict is Verdict.FAIL]
    return [*_urgent(grounds), *undone, *([f"{_checks(len(failing))} failed"] if failing else [])]


def _gaps(grounds: Grounds) -> list[str]:
    reasons = [] if grounds.expected else ["no check was expected to run: nothing was proved"]
    for verdict, words in ((Verdict.INCONCLUSIVE, "could not see"), (Verdict.NOT_RUN, "did not run")):
        if found := sum(check.verdict is verdict for check in _deciding(grounds)):
            reasons.append(f"{_checks(found)} {words}")
    if grounds.expected and not any(check.verdict is Verdict.PASS for check in grounds.checks):
        reasons.append("no check passed: nothing was proved")
    if grounds.awaiting and grounds.facts.target_kind == "production" and grounds.facts.mode == "deploy":
        reasons.append(f"sign-offs missing: {grounds.awaiting}; a production GO needs them all")
    return [*reasons, *grounds.trouble]


def _deciding(grounds: Grounds) -> list[Check]:
    return [check for check in grounds.checks if not (check.items and all(i in grounds.waived for i in check.items))]


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"
