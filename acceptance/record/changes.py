"""Read every run of a folder for an auditor: each is verified by its digests, and one that was changed is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.events import TamperedLog, read_events
from acceptance.finding import Finding, Severity
from acceptance.kinds import MessageSent
from acceptance.record.attachments import attempts
from acceptance.record.exceptions import exceptions
from acceptance.record.history import folders, in_progress, is_closed, is_run, why_none
from acceptance.record.publish import MANIFEST, load
from acceptance.record.receipts import RECEIPTS
from acceptance.record.schema import Record
from acceptance.record.verify import NoRecord, verify


@dataclass(frozen=True)
class Audited:
    """One run; `record` is None where it is not as its run left it, and `faults` say why.

    Attributes:
        aside: Why it is neither believed nor not: a run in progress, a copy, a link, a folder that is no run's.
        seal: Digest of its manifest, which names its exact content.
        attached: When it was attached to its ticket, and the receipt; empty where nothing says so.
    """

    folder: str
    record: Record | None
    faults: tuple[Finding, ...] = ()
    exceptions: tuple[Finding, ...] = ()
    seal: str = ""
    attached: str = ""
    aside: str = ""

    @property
    def change(self) -> tuple[str, str, str]:
        """Name the change that it belongs to: ticket, target, mode."""
        if self.record is None:
            return "", "", ""
        facts = self.record.facts
        return facts.ticket, str(facts.target.get("name") or facts.target_kind), facts.mode


def audit(root: Path) -> Iterator[Audited]:
    """Verify and read every run below a folder, at any depth, one by one, and name every folder that is none."""
    seen: dict[str, str] = {}
    for folder in folders(root):
        name = folder.relative_to(root).as_posix()
        if folder.is_symlink() or not (is_run(folder) or is_closed(folder)):
            yield Audited(name, None, aside=why_none(folder))
            continue
        found = _audited(folder, name)
        first = seen.setdefault(found.record.last_hash, name) if found.record else name
        yield found if first == name else Audited(name, None, aside=f"a copy of {first}")


def _audited(folder: Path, name: str) -> Audited:
    try:
        faults = tuple(verify(folder))
    except (NoRecord, OSError, ValueError) as error:
        if in_progress(folder):
            return Audited(name, None, aside=why_none(folder))
        return Audited(name, None, (Finding("not sealed", name, "a sealed record", str(error), Severity.HIGH),))
    if faults:  # guard: what-was-changed-is-not-believed
        return Audited(name, None, faults, seal=sha256_of(folder / MANIFEST))
    record = load(folder)
    given = [str(each) for each in attempts(folder) if each.attached]
    return Audited(
        name, record, (), tuple(exceptions(record)), sha256_of(folder / MANIFEST), given[-1] if given else ""
    )


def missing(root: Path, seen: Sequence[Audited]) -> list[Finding]:
    """Name runs of which a text was sent and whose record is not there, and receipts that were changed."""
    known = {each.record.facts.run_id for each in seen if each.record}
    unread = [each.folder for each in seen if each.record is None]
    found = []
    for log in sorted(root.rglob(RECEIPTS)):
        try:
            told = {each.run_id for each in MessageSent.all(read_events(log))}
        except (TamperedLog, OSError) as error:
            found.append(Finding("changed", RECEIPTS, "a whole chain", str(error)))
            continue
        gone = sorted(run for run in told - known - {""} if not any(name.endswith(run) for name in unread))
        sent = f"none, though {RECEIPTS} holds what was sent of it"
        found += [Finding("record missing", f"run {run}", "its record", sent, Severity.CRITICAL) for run in gone]
    return found
