"""Name what an auditor asks about in a run: waivers, changes outside the window, rollbacks, approvals, refusals.

Pure. A run without exceptions is one that went by the rules, whatever its outcome.
"""

from __future__ import annotations

from collections.abc import Iterator

from acceptance.finding import Finding, Severity
from acceptance.outcome import REFUSED
from acceptance.record import formatting
from acceptance.record.first_screen import plain
from acceptance.record.formatting import parse
from acceptance.record.schema import Record

_CHANGES = ("flag.changing", "flag.changed", "flag.restored", "service.restarting", "service.restarted")


def exceptions(record: Record) -> list[Finding]:
    """Give all exceptions of a run, worst first."""
    found = [*_undone(record), *_refused(record), *_window(record), *_approvals(record), *_waivers(record)]
    return sorted(found, key=lambda each: -each.severity)


def _undone(record: Record) -> Iterator[Finding]:
    tries = record.tries
    for each in tries:
        if each.ok is not True:
            state = each.account or "it did not end"
            yield Finding("rollback failed", f"stage {each.stage}", "the old behaviour", state, Severity.CRITICAL)
        elif not each.routine:
            yield Finding("rolled back", f"stage {each.stage}", "it accepted", plain(each.reason), Severity.HIGH)
    if record.rollback_failure and not any(each.ok is not True for each in tries):
        told = record.rollback_failure.splitlines()[0]
        yield Finding("rollback failed", "the run", "every change undone", told, Severity.CRITICAL)
    for flag in formatting.still_on(record):
        yield Finding("flag on", flag, "it off, for its stage was not accepted", "it on", Severity.CRITICAL)


def _refused(record: Record) -> Iterator[Finding]:
    if record.refused:
        why = next(reason for reason in record.reasons if reason.startswith(REFUSED))
        yield Finding("refused", "the run", "it to begin", why.removeprefix(REFUSED).strip(), Severity.MEDIUM)


def _window(record: Record) -> Iterator[Finding]:
    """Compare the changes of a production target with its window; a reason to work outside it is an exception too."""
    facts = record.facts
    approved = f"by {facts.operator or 'nobody named'}: {facts.outside_window}" if facts.outside_window else ""
    if approved:
        yield Finding("outside the window", "the run", "it in the window", approved, Severity.MEDIUM)
    if facts.target_kind != "production" or approved:
        return
    changed = [moment for moment in record.timeline if moment.kind in _CHANGES]
    start, end = (parse((facts.window or {}).get(name)) for name in ("start", "end"))
    outside = [each for each in changed if (at := parse(each.at)) is None or not (start and end and start <= at <= end)]
    if outside:
        said = f"{len(outside)} changes, the first at {outside[0].at}: {outside[0].text}"
        yield Finding("outside the window", "the run", "changes in the window alone, or a reason", said)


def _approvals(record: Record) -> Iterator[Finding]:
    if record.facts.mode != "deploy" or record.refused:
        return
    for name in ("ticket", "operator"):
        if not getattr(record.facts, name):
            yield Finding("missing approval", name, "a deployment to name it", "none")
    if record.awaiting:
        lines = ", ".join(line.id for line in record.awaiting)
        yield Finding("missing approval", lines, "a sign-off of each", "none")
    for problem in record.problems:
        if problem.startswith("sign-off that does not count"):
            yield Finding("missing approval", "sign-off", "one that counts", problem.partition(": ")[2])


def _waivers(record: Record) -> Iterator[Finding]:
    for each in record.waivers:
        until = f"waived by {each.approver or 'nobody'} until {each.expires or 'no date'}: {each.reason or 'no reason'}"
        invalid = "" if each.valid else ", which does not count"
        severity = Severity.MEDIUM if each.valid else Severity.HIGH
        yield Finding("waiver", each.item, "proof", until + invalid, severity)
