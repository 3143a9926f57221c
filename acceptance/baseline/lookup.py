"""Find the baseline that a deployment is compared with: a given file, or that of the run that collected it.

Source: post24.monitoring.1, whose own command names a file.
"""

from __future__ import annotations

from pathlib import Path

from acceptance.baseline.files import FILE, load
from acceptance.baseline.readings import Baseline
from acceptance.record.earlier_runs import begun
from acceptance.verdict import Inconclusive


def baseline_of(target: str, folder: Path, given: Path | None) -> Baseline:
    """Read the baseline of a target.

    Args:
        target: Its name.
        folder: The run's own folder, for `newest_baseline`.
        given: The file that was asked for; None for the newest.

    Raises:
        Inconclusive: There is none, it cannot be read, or it is another target's.
    """
    path = given or newest_baseline(folder, target)
    found = load(path)
    if found.target != target:
        raise Inconclusive(
            f"{path}: expected a baseline of target {target}, found one of {found.target}; "
            "name that of this deployment with --baseline, or leave the option out"
        )
    return found


def newest_baseline(folder: Path, target: str) -> Path:
    """Find the baseline of this run, else that of the target's last run with one among the records beside it.

    Args:
        folder: The run's own folder; the records of other runs are its neighbours.
        target: Name of the target.

    Raises:
        Inconclusive: There is none.
    """
    if (own := folder / FILE).is_file():
        return own
    for run in reversed(begun(folder.resolve().parent)):
        if run.start.target.get("name") == target and (run.folder / FILE).is_file():
            return run.folder / FILE
    raise Inconclusive(
        f"expected the baseline of {target} ({FILE}) in a record below {folder.parent}, found none; "
        "run stage 21_00 before the deployment, and keep its record in the same folder"
    )
