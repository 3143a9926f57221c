"""Describe one thing that is wrong, as probes and observers return it and the record groups and ranks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from acceptance.evidence import Evidence


class Severity(IntEnum):
    """How bad a finding is; the higher, the worse."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


WORST_FIRST = (
    "written outside",
    "changed outside",
    "overwritten",
    "unsafe file",
    "accepted",
    "orphan",
    "answered 500",
    "no answer",
    "leaked",
    "no detail",
    "not logged",
)
"""The order of kinds of one severity; those that are not here come after them, in the order given."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What sort of thing, in a few lower-case words, such as `written outside`; findings are grouped by it.
        subject: What it was found at: a case, a document, a service, a key of the target file.
        expected: What should have been there.
        found: What was there.
        severity: How bad it is.
        next_step: What to do about it, where that is not plain.
        evidence: What was seen, for the record.
    """

    kind: str
    subject: str
    expected: str
    found: str
    severity: Severity = Severity.HIGH
    next_step: str = ""
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """Give one line: subject, expected, found, what to do next."""
        told = f"{self.subject}: expected {self.expected}, found {self.found}"
        return f"{told}; {self.next_step}" if self.next_step else told

    def as_json(self) -> dict[str, Any]:
        """Give the plain form that goes into the event log, beside the evidence."""
        words = {name: getattr(self, name) for name in ("kind", "subject", "expected", "found", "next_step")}
        return words | {"severity": self.severity.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read the plain form back; the evidence stays in the event log."""
        kind, subject, expected, found = (str(data.get(name, "")) for name in ("kind", "subject", "expected", "found"))
        return cls(kind, subject, expected, found, Severity[data["severity"]], str(data.get("next_step", "")))


def rank(finding: Finding) -> tuple[int, int]:
    """Give the key that sorts findings worst first: severity, then the kind's place in `WORST_FIRST`."""
    return -finding.severity, WORST_FIRST.index(finding.kind) if finding.kind in WORST_FIRST else len(WORST_FIRST)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings, worst first; those of one kind stay together."""
    found = list(findings)
    kinds = list(dict.fromkeys(each.kind for each in found))
    worst = {kind: min(rank(each) for each in found if each.kind == kind) for kind in kinds}
    return sorted(found, key=lambda each: (worst[each.kind], kinds.index(each.kind), -each.severity))


def as_evidence(findings: Iterable[Finding]) -> list[Evidence]:
    """Give findings as evidence: the counts by kind with all of them, worst first; then what was seen, once each."""
    found = ranked(findings)
    seen: list[Evidence] = []
    for piece in (piece for each in found for piece in each.evidence):
        if piece not in seen:
            seen.append(piece)
    title = f"{len(found)} finding{'' if len(found) == 1 else 's'}, worst first"
    return [Evidence("findings", title, as_facts(found)), *seen]


def as_facts(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give findings as data: their counts by kind, and all of them, worst first."""
    return {"counts": counts(findings), "findings": [each.as_json() for each in ranked(findings)]}


def about(subject: str, findings: Iterable[Finding], next_step: str = "") -> list[Finding]:
    """Put a subject in front of each finding's own, and a next step behind it."""
    return [
        replace(
            each,
            subject=": ".join(filter(None, (subject, each.subject))),
            next_step="; ".join(filter(None, (each.next_step, next_step))),
        )
        for each in findings
    ]


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Count findings by kind, worst kind first."""
    return dict(Counter(each.kind for each in ranked(findings)))


def by_kind(findings: Iterable[Finding]) -> str:
    """Say how many findings there are of each kind, worst kind first."""
    return ", ".join(f"{number} {kind}" for kind, number in counts(findings).items())


def summary(findings: Iterable[Finding], shown: int = 5) -> str:
    """Describe findings in one line: the counts by kind, then the worst of them."""
    found = ranked(findings)
    if not found:
        return "nothing found"
    return f"{by_kind(found)}: " + "; ".join(map(str, found[:shown])) + ("; ..." if len(found) > shown else "")
