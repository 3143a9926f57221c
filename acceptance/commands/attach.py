"""Attach a record to its change ticket by the command of the target file, once, and keep the receipt."""

from __future__ import annotations

import fcntl
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.events import EventLog
from acceptance.kinds import RecordAttached, RecordAttaching
from acceptance.process import run
from acceptance.record.attachments import Attempt, attempts
from acceptance.record.publish import ATTACHED, MANIFEST, PAGE
from acceptance.record.schema import Record
from acceptance.target.model import Target
from acceptance.target.redaction import redactor
from acceptance.verdict import Inconclusive


@dataclass(frozen=True)
class Attachment:
    """What a ticket gets. The command has each as `{name}` in its words, and as RECORD_NAME in its environment."""

    page: str
    digest: str
    outcome: str
    ticket: str
    run: str
    target: str
    manifest: str

    def __str__(self) -> str:
        """Say all of it, for who attaches it by hand."""
        return "\n".join(f"{name + ':':10}{value}" for name, value in asdict(self).items())


def attachment_of(folder: Path, record: Record) -> Attachment:
    """Give what is to be attached of a run.

    Raises:
        Inconclusive: The run has no ticket.
    """
    facts = record.facts
    if not facts.ticket:
        raise Inconclusive(f"{folder}: expected a run with a ticket, found none; run with --ticket, or attach by hand")
    page, sealed = ((folder / name).resolve() for name in (PAGE, MANIFEST))
    name = str(facts.target.get("name", ""))
    return Attachment(str(page), sha256_of(page), record.outcome, facts.ticket, facts.run_id, name, str(sealed))


def attach(folder: Path, attachment: Attachment, target: Target, by: str, *, again: bool) -> Attempt:
    """Run the target's command; log before it that it begins, and after it how it ended.

    Args:
        folder: The run's folder.
        attachment: What the ticket gets.
        target: Its command and what a receipt is.
        by: Who attaches it.
        again: Attach it also where this very page was, or may have been, attached.

    Raises:
        Inconclusive: Another attempt is under way, one was made before, or this one gave no receipt; the ticket may
            have the page.
    """
    facts = asdict(attachment)
    words = [
        re.sub(r"\{(\w+)\}", lambda name: facts.get(name[1], name[0]), word)
        for word in shlex.split(target.attach.command or "")
    ]
    hidden = redactor(target)
    log = EventLog(folder / ATTACHED, hidden)
    with Path(attachment.page).open("rb") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Inconclusive(f"{folder}: somebody else attaches it now; wait and look at the ticket") from None
        before = [str(each) for each in attempts(folder) if each.begun.digest == attachment.digest]
        if before and not again:
            raise Inconclusive("; ".join([*before, "look at the ticket; to attach it once more give --again"]))
        # guard: an-attempt-is-written-down-first
        RecordAttaching(ticket=attachment.ticket, digest=attachment.digest, by=by).tell(log)
        variables = {f"RECORD_{name.upper()}": value for name, value in facts.items()}
        code, output = run(shlex.join(words), target.source.absolute().parent, target.evidence_timeout_s, variables)
        receipt = re.search(target.attach.receipt, output) if code == 0 else None
        said = hidden.text(output)[-300:]
        try:
            RecordAttached(exit_code=code, receipt=receipt[0] if receipt else "", output=output).tell(log)
        except OSError as error:
            told = f"exit code {code}, {said!r}, which could not be written down ({error})"
            raise Inconclusive(f"expected the receipt in {log.path}, found {told}; look at the ticket") from error
    last = attempts(folder)[-1]
    if not last.attached:
        wanted = f"exit code 0 and an answer with {target.attach.receipt}"
        raise Inconclusive(f"expected {wanted} (ATTACH_RECEIPT), found exit code {code}: {said}")
    return last
