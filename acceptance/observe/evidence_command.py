"""Ask a command of the target file instead of a person: about a tracker, a CI, a pull request.

Source: the checklist's items that no probe can see. What the command prints is the evidence; one that does not end, is
missing or prints nothing says nothing, and is never a pass.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acceptance.checklist import OWN_SUITES
from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.people import owner_of
from acceptance.process import CANNOT_RUN, DID_NOT_END, run
from acceptance.target.keys import evidence_key
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, NotApplicable

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)? ?(?:Z|[+-]\d\d:?\d\d)")
_PAGE = re.compile(r"\s*<(?:!doctype|html)\b", re.IGNORECASE)
_NONE_PASSED = re.compile(r"(?!.*\b\d+ passed)[= ]*\d+ (?:skipped|deselected|xfailed|warning)\b.* in [\d.]+s\b")
"""How pytest ends with exit code 0 where nothing passed: `5 skipped in 0.12s`."""
_NOT_EXECUTABLE = 126
_AHEAD = timedelta(minutes=5)
"""How far another machine's clock may be before ours."""


@dataclass(frozen=True)
class Answer:
    """What a command said of an item.

    Attributes:
        configured_by: The owner of the target file that names it, and when that file was changed.
        at: When it was asked, aware.
    """

    item: str
    command: str
    max_age_hours: float | None
    folder: Path
    configured_by: str
    exit_code: int
    output: str
    seconds: float
    at: datetime

    @property
    def name(self) -> str:
        """Say what stands in the place of a person's name."""
        return f"«{self.command}» of {self.configured_by}: {self.output.strip().splitlines()[0][:200]}"

    def evidence(self) -> Evidence:
        """Give it for the record."""
        facts = {
            "argv": self.command,
            "exit_code": self.exit_code,
            "stdout": self.output,
            "seconds": round(self.seconds, 3),
            "folder": str(self.folder),
            "max_age_hours": self.max_age_hours,
            "at": self.at.isoformat(),
        }
        return Evidence("command", f"{self.item}, as configured by {self.configured_by}", facts)

    def findings(self) -> list[Finding]:
        """Name what it says is wrong.

        Raises:
            Inconclusive: It says nothing: it did not run or end, printed nothing, or nothing of a time that is not old.
        """
        if blind := self._says_nothing():
            key = evidence_key(self.item)
            other = "" if self.item in OWN_SUITES else " or let a person sign"
            raise Inconclusive(f"{self.item}: «{self.command}» {blind}; correct {key}{other}")
        if self.exit_code == 0:
            return []
        last = self.output.strip().splitlines()[-1][:300]
        return [Finding("evidence", f"{self.item}: «{self.command}»", "exit code 0", f"{self.exit_code}: {last}")]

    def _says_nothing(self) -> str:
        if self.exit_code in (CANNOT_RUN, DID_NOT_END, _NOT_EXECUTABLE) or self.exit_code < 0:
            return f"gave no answer: {self.output.strip()[-300:] or f'exit code {self.exit_code}'}"
        if (said := self.output.strip()) in ("", "null", "undefined"):
            return f"printed {said or 'nothing'}"
        if self.exit_code == 0 and _PAGE.match(self.output):  # guard: login-page-is-no-evidence
            return "printed a page, such as a login's; let it fail for one (curl -f)"
        if self.exit_code == 0 and _NONE_PASSED.match(said.splitlines()[-1]):
            return f"ran no test to its end: {said.splitlines()[-1]}"
        return self._too_old() if self.exit_code == 0 and self.max_age_hours else ""

    def _too_old(self) -> str:
        """Compare the first time in the output with the limit."""
        limit = f"a time of the last {self.max_age_hours:g} h"
        found = _TIME.search(self.output)
        try:
            age = self.at - datetime.fromisoformat(found[0].replace(" ", "T", 1).replace(" ", "")) if found else None
        except ValueError:
            age = None
        if age is None:
            return f"expected {limit} with its zone, as in 2026-11-28T02:05:00Z, found none in what it printed"
        good = -_AHEAD <= age <= timedelta(hours=self.max_age_hours or 0)
        return "" if good else f"expected {limit}, found one {age / timedelta(hours=1):.1f} h old"


def answer(target: Target, item: str) -> Answer | None:
    """Ask the command that the target file names for an item; None where it names none."""
    asked = target.evidence.get(item)
    if asked is None:
        return None
    folder = folder_of(target)
    began, at = time.monotonic(), datetime.now(UTC)
    code, output = run(asked.command, folder, target.evidence_timeout_s)
    seconds = time.monotonic() - began
    return Answer(item, asked.command, asked.max_age_hours, folder, _owner(target.source), code, output, seconds, at)


def own_suite(target: Target, item: str) -> Answer:
    """Run Butler's own suite for an item, by the target file's command.

    Raises:
        NotApplicable: The target file names none: the item rests on our own checks of it.
    """
    if said := answer(target, item):
        return said
    raise NotApplicable(f"{evidence_key(item)} names no command for Butler's own suite: our own checks answer {item}")


def folder_of(target: Target) -> Path:
    """Give the folder in which these commands run: that of the code, or of the target file where there is none."""
    return target.code_dir if target.code_dir.is_dir() else target.source.absolute().parent


def _owner(file: Path) -> str:
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return f"{owner_of(file)} in {file.name} of {changed:%Y-%m-%d %H:%M} UTC"
