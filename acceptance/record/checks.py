"""Fold events into checks and what is counted from them: phases, gates, kinds of security results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acceptance.events import Event
from acceptance.finding import Finding, ranked
from acceptance.kinds import CheckFinished, ChecksExpected
from acceptance.record.schema import Check, Claim, Counts, FindingKind, Gate, Group, Phase
from acceptance.stage import place_of
from acceptance.verdict import SILENT, Verdict, verdict_of, worst

NEVER_RAN = "the run ended before it"
LEFT_OUT = "left out of this run, although its stage has it"


def fold_checks(events: Iterable[Event]) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """Give all checks in the order in which they were expected, and the problems found on the way.

    A check that was expected and never finished is NOT RUN. One that finished twice keeps the worse verdict
    and the evidence of both.
    """
    expected: dict[str, Mapping[str, Any]] = {}
    finished: dict[str, list[tuple[CheckFinished, str]]] = {}
    for event in events:
        if planned := ChecksExpected.read(event):
            for each in planned.checks:
                expected.setdefault(str(each.get("nodeid")), each)
        elif end := CheckFinished.read(event):
            finished.setdefault(end.nodeid, []).append((end, event.at))
    surprises = [nodeid for nodeid in finished if nodeid not in expected]
    checks = tuple(
        _check(number, nodeid, expected.get(nodeid, {}), finished.get(nodeid, []))
        for number, nodeid in enumerate([*expected, *surprises], 1)
    )
    return checks, tuple(f"{nodeid} ran, but was not expected to" for nodeid in surprises)


def _check(number: int, nodeid: str, plan: Mapping[str, Any], told: Sequence[tuple[CheckFinished, str]]) -> Check:
    planned, ends = CheckFinished.of(plan), [end for end, _ in told]
    last, at = told[-1] if told else (planned, "")
    verdict = worst(verdict_of(end.verdict) for end in ends)
    telling = next((end for end in ends if verdict_of(end.verdict) is verdict), last)
    never = LEFT_OUT if plan.get("left_out") else NEVER_RAN
    stage, phase = place_of(nodeid) or ("", "")  # what xdist's controller expects is a bare node id
    return Check(
        number=number,
        nodeid=nodeid,
        stage=last.stage or planned.stage or stage,
        phase=last.phase or planned.phase or phase,
        items=last.items or planned.items,
        title=last.title or planned.title,
        verdict=verdict,
        reason=telling.reason if ends else never,
        seconds=last.seconds if ends else None,
        worker=last.worker,
        at=at,
        claims=tuple(Claim(each["expected"], each["observed"]) for end in ends for each in end.claims),
        evidence=tuple(piece for end in ends for piece in end.evidence),
    )


def count(checks: Iterable[Check]) -> Counts:
    """Count verdicts; those that do not occur are left out."""
    found = Counter(check.verdict.value for check in checks)
    return {verdict.value: found[verdict.value] for verdict in Verdict if found[verdict.value]}


def fold_findings(checks: Iterable[Check]) -> tuple[FindingKind, ...]:
    """Group the findings of all checks by kind, worst first."""
    found = [(finding, check.number) for check in checks for finding in findings_of(check)]
    kinds: dict[str, list[Finding]] = {}
    for finding in ranked(finding for finding, _ in found):
        kinds.setdefault(finding.kind, []).append(finding)
    return tuple(
        FindingKind(
            kind=kind,
            severity=of_it[0].severity.name,
            count=len(of_it),
            checks=tuple(sorted({number for finding, number in found if finding.kind == kind})),
            subjects=tuple(finding.subject for finding in of_it),
            example=str(of_it[0]),
        )
        for kind, of_it in kinds.items()
    )


def findings_of(check: Check) -> list[Finding]:
    """Give the findings that a check has left as evidence."""
    pieces = [piece for piece in check.evidence if piece.get("kind") == "findings"]
    return [Finding.from_json(each) for piece in pieces for each in piece["data"]["findings"]]


def phases(checks: Sequence[Check]) -> tuple[Phase, ...]:
    """Give the phases of one stage in the order of its checks."""
    found: dict[str, list[Check]] = {}
    for check in checks:
        found.setdefault(check.phase, []).append(check)
    return tuple(Phase(name, worst(check.verdict for check in of_it), count(of_it)) for name, of_it in found.items())


def security_groups(checks: Iterable[Check]) -> tuple[Group, ...]:
    """Group the security checks of one stage by test function: one kind of attack each."""
    kinds: dict[str, list[Check]] = {}
    for check in checks:
        if check.phase == "security":
            kinds.setdefault(check.name.partition("[")[0], []).append(check)
    return tuple(
        Group(
            kind=kind.rpartition("::")[2].removeprefix("test_").replace("_", " "),
            title=cases[0].title,
            verdict=worst(case.verdict for case in cases),
            counts=count(cases),
            failing=tuple(case.number for case in cases if case.verdict not in (Verdict.PASS, *SILENT)),
        )
        for kind, cases in kinds.items()
    )


def gates(checks: Iterable[Check]) -> tuple[Gate, ...]:
    """Give the gates that were measured, each from the evidence of its check."""
    return tuple(
        Gate.read({"title": piece.get("title"), **(piece.get("data") or {})}, check=check.number, piece=place)
        for check in checks
        for place, piece in enumerate(check.evidence)
        if piece.get("kind") == "gate"
    )
