"""Keep receipts of the texts that were sent of a deployment, and judge them: a written text is not yet a sent one.

The receipts are no part of a record, for a text is sent when its run is over: one hash-chained log beside the records
takes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acceptance.events import Event, EventLog, read_events
from acceptance.finding import Finding
from acceptance.kinds import MessageSent, RunStarted
from acceptance.record.deployment import Deployment
from acceptance.record.schema import Record

RECEIPTS = "receipts.jsonl"
"""Name of the log, in the folder of the records."""

NAMES = {"post": "the post for #ops-shared", "email": "the summary e-mail"}
"""What may be sent, in words."""


@dataclass(frozen=True)
class Receipt:
    """One text that was delivered, and when (UTC, RFC 3339)."""

    at: str
    sent: MessageSent

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{NAMES.get(self.sent.what, self.sent.what)}: {self.sent.to} at {self.at} by {self.sent.by}"


def keep_receipt(reports: Path, record: Record, what: str, to: str, text: str, by: str) -> None:
    """Write down that a text of a deployment was delivered."""
    facts = record.facts
    MessageSent(
        what=what,
        to=to,
        text=text,
        run_id=facts.run_id,
        ticket=facts.ticket,
        target=str(facts.target.get("name", "")),
        by=by,
    ).tell(EventLog(reports / RECEIPTS))


def told_of(root: Path) -> set[str]:
    """Give the ids of all runs of which a text was sent, by the receipts at any depth below a folder.

    Raises:
        TamperedLog: Receipts were changed after they were written.
    """
    return {sent.run_id for log in root.rglob(RECEIPTS) for sent in MessageSent.all(read_events(log))}


def receipt_of(reports: Path, deployment: Deployment, what: str) -> Receipt | None:
    """Give the last receipt of one sort for a deployment; None where there is none.

    Raises:
        TamperedLog: The receipts were changed after they were written.
    """
    return _last(reports, what, _belongs_to(deployment))


def sent_before(reports: Path, what: str, text: str) -> Receipt | None:
    """Give the last receipt of this very text; None where there is none.

    Raises:
        TamperedLog: The receipts were changed after they were written.
    """
    return _last(reports, what, lambda sent: sent.text == text)


def _last(reports: Path, what: str, fits: Callable[[MessageSent], bool]) -> Receipt | None:
    path = reports / RECEIPTS
    found = [
        Receipt(event.at, sent)
        for event in (read_events(path) if path.is_file() else ())
        if (sent := MessageSent.read(event)) and sent.what == what and fits(sent)
    ]
    return found[-1] if found else None


def findings(receipt: Receipt, deployment: Deployment, record: Record) -> list[Finding]:
    """Name what is wrong with a sent text: it is older than a stage's end, or does not tell of a rollback."""
    again, over = "send it again with scripts/ops/record.py notify", deployment.stages_over()

    def lacks(kind: str, expected: str, found: str) -> Finding:
        return Finding(kind, str(receipt), expected, found, next_step=again)

    old = [lacks("old text", f"it sent after the last stage ended, {over}", receipt.at)] if receipt.at < over else []
    undone = [f"Rolled back: stage {stage}" for stage in rolled_back(record)]
    return [*old, *(lacks("silent text", each, "no such line") for each in undone if each not in receipt.sent.text)]


def rolled_back(record: Record) -> list[str]:
    """Name the stages that were rolled back because something was wrong."""
    return list(dict.fromkeys(each.stage for each in record.rolled_back))


def _belongs_to(deployment: Deployment) -> Callable[[MessageSent], bool]:
    starts = [_start(log) for log in deployment.runs]
    runs = {start[0] for start in starts}
    own = starts[-1][1:]
    return lambda sent: sent.run_id in runs or (bool(sent.ticket) and (sent.ticket, sent.target) == own)


def _start(log: Sequence[Event]) -> tuple[str, str, str]:
    start = RunStarted.first(log)
    return start.run_id, start.ticket, str(start.target.get("name"))
