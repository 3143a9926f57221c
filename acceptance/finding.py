"""A finding: one thing that is wrong, as probes and observers return it and the record groups and ranks it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from acceptance.evidence import Evidence


class Severity(IntEnum):
    """How bad a finding is; the higher, the worse."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


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


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings, worst first; findings of one kind stay together."""
    found = list(findings)
    worst = {each.kind: max(other.severity for other in found if other.kind == each.kind) for each in found}
    return sorted(found, key=lambda each: (-worst[each.kind], each.kind, -each.severity))


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Count findings by kind, worst kind first."""
    told: dict[str, int] = {}
    for each in ranked(findings):
        told[each.kind] = told.get(each.kind, 0) + 1
    return told


def summary(findings: Iterable[Finding], shown: int = 5) -> str:
    """Tell findings in one line: the counts by kind, then the worst of them."""
    found = ranked(findings)
    if not found:
        return "nothing found"
    head = ", ".join(f"{number} {kind}" for kind, number in counts(found).items())
    return f"{head}: " + "; ".join(map(str, found[:shown])) + ("; ..." if len(found) > shown else "")
