"""Read when a record was attached to its ticket, and what the ticket system answered, from a log in the run's folder.

It is written after the manifest and is not listed in it, as a signature is. `verify` reads it: the page that the ticket
holds must be the page that is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acceptance.disk import sha256_of
from acceptance.events import TamperedLog, read_events
from acceptance.finding import Finding
from acceptance.kinds import RecordAttached, RecordAttaching
from acceptance.record.publish import ATTACHED, PAGE


@dataclass(frozen=True)
class Attempt:
    """One attempt to attach a page; `ended` is None where nothing was written after it began (UTC, RFC 3339)."""

    at: str
    begun: RecordAttaching
    ended: RecordAttached | None = None

    @property
    def attached(self) -> bool:
        """Tell whether the ticket system gave a receipt."""
        return self.ended is not None and bool(self.ended.receipt)

    def __str__(self) -> str:
        """Say in one line how it ended."""
        what = f"{self.begun.ticket}, {self.at} by {self.begun.by}"
        if self.ended is None:
            return f"attempt for {what}: nobody wrote down how it ended; the ticket may have it"
        if not self.attached:
            return f"attempt for {what}: exit code {self.ended.exit_code}, no receipt; the ticket may have it"
        return f"attached to {what}, receipt {self.ended.receipt}"


def attempts(folder: Path) -> list[Attempt]:
    """Read all attempts for a run, oldest first.

    Raises:
        TamperedLog: They were changed after they were written.
    """
    found: list[Attempt] = []
    for event in read_events(folder / ATTACHED) if (folder / ATTACHED).is_file() else ():
        if begun := RecordAttaching.read(event):
            found.append(Attempt(event.at, begun))
        elif (ended := RecordAttached.read(event)) and found:
            found[-1] = Attempt(found[-1].at, found[-1].begun, ended)
    return found


def findings(folder: Path) -> list[Finding]:
    """Name what does not fit: the attempts were changed, or the page is another one than the ticket has."""
    try:
        attached = [each for each in attempts(folder) if each.attached]
    except TamperedLog as error:
        return [Finding("changed", ATTACHED, "a whole chain", str(error))]
    if not attached or not (folder / PAGE).is_file() or sha256_of(folder / PAGE) == attached[-1].begun.digest:
        return []
    last = attached[-1]
    there = f"the page with digest {last.begun.digest[:12]}, {last}"
    again = "rendered again since? Then attach it again with scripts/ops/record.py attach"
    return [Finding("changed", PAGE, there, sha256_of(folder / PAGE)[:12], next_step=again)]
