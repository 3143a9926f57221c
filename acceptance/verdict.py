"""Define the words that a run ends with, and the errors that lead to each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from typing import TypeVar

from acceptance.evidence import Evidence

Wrong = TypeVar("Wrong")


class Verdict(StrEnum):
    """What one check, gate or stage ended with."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"
    NOT_RUN = "NOT RUN"
    NOT_APPLICABLE = "NOT APPLICABLE"


class Outcome(StrEnum):
    """What a whole run ends with, as the change manager reads it."""

    GO = "GO"
    SURVEY = "SURVEY"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"
    INTERRUPTED = "INTERRUPTED"


class ExitCode(IntEnum):
    """Exit codes above pytest's own 0-5."""

    INCONCLUSIVE = 10
    NOT_RUN = 11
    ROLLBACK_FAILED = 12
    REFUSED = 13
    RECOVERY_NEEDED = 14


_WORST_FIRST = (
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_RUN,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
    Verdict.SKIPPED,
)
SILENT = (Verdict.NOT_APPLICABLE, Verdict.SKIPPED)
"""What says neither good nor bad of a deployment."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Fold verdicts into one: the worst wins, and none at all is NOT RUN, never PASS."""
    seen = set(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in seen), Verdict.NOT_RUN)


def verdict_of(value: object) -> Verdict:
    """Read a verdict; a word that is none of ours is INCONCLUSIVE, never a pass."""
    try:
        return Verdict(str(value))
    except ValueError:
        return Verdict.INCONCLUSIVE


class Inconclusive(Exception):
    """The check could not be judged: no data, too few samples, or the observer itself is out of reach.

    `evidence` is what was seen all the same; it goes into the record.
    """

    def __init__(self, message: str = "", evidence: Sequence[Evidence] = ()) -> None:
        super().__init__(message)
        self.evidence = tuple(evidence)


class NotApplicable(Exception):
    """The check asks for a part that the deployment does not have: the target file declares it absent."""


class Refused(Exception):
    """The run may not do this: lock held, outside the window, mutations not allowed, bad target.

    Raised before anything is changed.
    """

    exit_code = ExitCode.REFUSED


class RecoveryNeeded(Refused):
    """An earlier run left its journal open; its changes must be undone before a new run starts."""

    exit_code = ExitCode.RECOVERY_NEEDED


class DataLeft(RecoveryNeeded):
    """Flags and services are in order; test data, or a note in the journal, is left to the next start."""

    exit_code = ExitCode.INCONCLUSIVE


class Untouched(Exception):
    """A survey leaves flags, services and whatever else was found as they are, so this cannot be asked of it."""


class MutationFailed(Exception):
    """A flag change or a restart did not take effect on the target."""


class NothingRestarted(MutationFailed):
    """A restart command ended well, and the healthy service still consists of the processes of before."""


class RollbackFailed(Exception):
    """The undo itself failed; the message lists the state found and the commands to finish by hand."""

    exit_code = ExitCode.ROLLBACK_FAILED


def bad_or_blind(bad: Sequence[Wrong], no_data: Sequence[str], told: str = "") -> list[Wrong]:
    """Give the bad findings, or raise for those without data; empty when all is verified.

    Args:
        bad: What is bad.
        no_data: What has no data.
        told: Begins the message about what could not be seen.

    Raises:
        Inconclusive: Nothing is bad, and something could not be seen.
    """
    if no_data and not bad:  # guard: no-data-is-no-pass
        raise Inconclusive(told + "; ".join(no_data))
    return list(bad)
