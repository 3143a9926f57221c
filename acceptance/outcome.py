"""How a run ends: its outcome for the change manager, and its exit code for the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acceptance.verdict import ExitCode, Outcome, Verdict

REFUSED = "refused:"
"""How the reason of a check begins that the target or the guardian did not let happen."""

_PYTEST_INTERRUPTED = 2
_PYTEST_OWN_ERRORS = (3, 4)
_PYTEST_NO_TESTS = 5


@dataclass(frozen=True)
class Closing:
    """The end of a run; ``reasons`` name every check that keeps it from GO, worst first."""

    outcome: Outcome
    reasons: tuple[str, ...]
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """Give the data of the event ``run.finished``."""
        return {"outcome": self.outcome.value, "reasons": list(self.reasons), "exit_code": self.exit_code}


def close_run(
    checks: Mapping[str, Verdict],
    unaccepted: Sequence[str],
    triggers: Sequence[str],
    interrupted_by: str,
    rollback_failure: str,
    refused: bool,
    pytest_status: int,
) -> Closing:
    """Fold the verdicts of all checks into the outcome; no check at all is never GO.

    Args:
        checks: Verdict by node id.
        unaccepted: Flagged stages of which checks ran and whose exit gate did not accept them. Good checks of a part
            of a stage end with exit code 0, but they are no GO.
        triggers: What fired, in words.
        interrupted_by: Name of the signal that ended the run, or empty.
        rollback_failure: What could not be undone, or empty.
        refused: Whether a check was refused, such as a flag that was on already.
        pytest_status: Exit status that pytest itself arrived at.
    """
    of = {verdict: [name for name, found in checks.items() if found is verdict] for verdict in Verdict}
    bad = (Verdict.FAIL, Verdict.INCONCLUSIVE)
    reasons = (
        *(f"TRIGGER: {reason}" for reason in triggers),
        *(f"{verdict.value}: {name}" for verdict in bad for name in of[verdict]),
    )
    unrun = len(of[Verdict.NOT_RUN])
    if rollback_failure:  # guard: exit-code-12-of-the-run
        return Closing(Outcome.NO_GO, (f"ROLLBACK FAILED: {rollback_failure}", *reasons), ExitCode.ROLLBACK_FAILED)
    if interrupted_by or pytest_status == _PYTEST_INTERRUPTED:
        why = f"interrupted by {interrupted_by or 'the operator'}; what was changed was put back"
        return Closing(Outcome.INTERRUPTED, (why, *reasons), _PYTEST_INTERRUPTED)
    if of[Verdict.FAIL] or triggers:
        return Closing(Outcome.NO_GO, reasons, 1)
    if pytest_status in _PYTEST_OWN_ERRORS or pytest_status > _PYTEST_NO_TESTS:
        return Closing(Outcome.INCONCLUSIVE, (f"the run ended early, status {pytest_status}",), pytest_status)
    if of[Verdict.INCONCLUSIVE]:
        return Closing(Outcome.INCONCLUSIVE, reasons, ExitCode.REFUSED if refused else ExitCode.INCONCLUSIVE)
    if unrun:
        return Closing(Outcome.INCONCLUSIVE, (f"{unrun} check(s) did not run",), ExitCode.NOT_RUN)
    if not of[Verdict.PASS]:
        return Closing(Outcome.INCONCLUSIVE, ("no check was made",), _PYTEST_NO_TESTS)
    if unaccepted:
        partly = tuple(f"stage {stage} ran in part only and was not accepted" for stage in unaccepted)
        return Closing(Outcome.INCONCLUSIVE, partly, 0)
    return Closing(Outcome.GO, (), 0)
