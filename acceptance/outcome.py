"""Define what a run's outcome and exit code follow from, and how the run ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acceptance.verdict import Outcome

REFUSED = "refused:"
"""How the reason of a check begins that the target or the watchdog did not let happen."""

INTERRUPTED = 2
"""pytest's exit status after a signal, and after a plugin such as `--stepwise` that stopped the session."""

NOTHING_RAN = 5
"""pytest's exit status when no check was made."""

EXPLAINED = (0, 1, NOTHING_RAN)
"""The exit statuses of pytest that checks explain: none failed, some failed, none was made."""


@dataclass(frozen=True)
class Ending:
    """What only the process that ran the checks knows when they are over.

    Attributes:
        pytest_status: The exit status that pytest itself arrived at.
        interrupted_by: Name of the signal that ended the run, or empty.
        rollback_failure: What could not be undone, or empty.
        data_left: Which test data could not be removed, or empty.
    """

    pytest_status: int = 0
    interrupted_by: str = ""
    rollback_failure: str = ""
    data_left: str = ""


@dataclass(frozen=True)
class Closing:
    """The end of a run; `reasons` are what keeps it from GO, worst first, or what a GO rests on."""

    outcome: Outcome
    reasons: tuple[str, ...]
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """Give its part of the event `run.finished`."""
        return {"outcome": self.outcome.value, "reasons": list(self.reasons), "exit_code": self.exit_code}
