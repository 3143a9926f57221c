"""Find a deployment's entry in the deployment log, judge it, and append it (post.documentation.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from acceptance.finding import Finding
from acceptance.record.receipts import rolled_back
from acceptance.record.schema import Record
from acceptance.verdict import Inconclusive

LINES = ("Date", "Duration", "Issues", "Rollbacks", "Deployed by", "Validated by")
"""What an entry of the checklist's form says, each in a line of its own."""


def entry_of(log: Path, record: Record) -> str:
    """Give the last entry that names the deployment's ticket, or its run where it has none; empty without one.

    Raises:
        Inconclusive: The file cannot be read.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")  # an editor of Windows may have written other entries
    except OSError as error:
        raise Inconclusive(f"{log}: expected the deployment log, found {error}; correct DEPLOYMENT_LOG") from error
    name = record.facts.ticket or record.facts.run_id
    entries = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return next(
        (each for each in reversed(entries) if name and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", each)), ""
    )


def findings(entry: str, began: str, record: Record, where: Path) -> list[Finding]:
    """Name what an entry lacks, as somebody wrote it: the checklist's lines, the day, a stage, a rollback.

    Args:
        entry: As it stands in the deployment log.
        began: When the deployment began, UTC, RFC 3339.
        record: Of the whole deployment.
        where: The deployment log.
    """
    title, said = entry.partition("\n")[0], _lines(entry)
    step = "correct it, or append a new one with scripts/ops/record.py log --append"

    def lacks(expected: str, found: str) -> Finding:
        return Finding("deployment log", f"{where}: {title}", expected, found, next_step=step)

    def wrong() -> Iterator[Finding]:
        yield from (lacks(f"a line **{name}** with a value", "none") for name in LINES if not said.get(name))
        if began[:10] not in title + said.get("Date", ""):
            yield lacks(f"the day on which it began, {began[:10]}", said.get("Date") or title)
        begun = [stage.id for stage in record.stages if stage.flag and stage.started_at]
        yield from (lacks(f"stage {stage}", title) for stage in begun if not _names(title, stage))
        undone = [stage for stage in rolled_back(record) if stage not in said.get("Rollbacks", "")]
        yield from (lacks(f"rollback of stage {stage}", said.get("Rollbacks") or "no such line") for stage in undone)

    return list(wrong())


def append(log: Path, entry: str) -> bool:
    """Append an entry to the deployment log, after an empty line; gives false where it is there already.

    Raises:
        OSError: The file is not there, or cannot be written.
    """
    before = log.read_bytes()
    if entry.encode() in before:
        return False
    gap = "\n" if before.endswith(b"\n") else "\n\n"
    if not before or before.endswith(b"\n\n"):
        gap = ""
    with log.open("a", encoding="utf-8") as file:
        file.write(gap + entry)
    return True


def _lines(entry: str) -> dict[str, str]:
    return {name: value.strip() for name, value in re.findall(r"^- \*\*([^*]+)\*\*: *(.*)$", entry, re.MULTILINE)}


def _names(title: str, stage: str) -> bool:
    """Tell whether a title names a stage, also within `21_01a-d`."""
    ranges = re.findall(r"(\w+)([a-z])\s*[-\u2013]\s*(?:\1)?([a-z])\b", title)
    base, letter = stage[:-1], stage[-1]
    return stage in title or any(begin == base and first <= letter <= last for begin, first, last in ranges)
