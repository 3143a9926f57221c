"""Where the baseline of a deployment is: in the record of the run that collected it (post24.monitoring.1)."""

from __future__ import annotations

from pathlib import Path

from acceptance.baseline.model import FILE, load
from acceptance.verdict import Inconclusive


def newest_baseline(folder: Path, target: str) -> Path:
    """Find the baseline of this run, else the newest of the same target among the records beside it.

    Args:
        folder: The run's own folder; the records of other runs are its neighbours.
        target: Name of the target.

    Raises:
        Inconclusive: There is none.
    """
    if (own := folder / FILE).is_file():
        return own
    found = sorted(folder.parent.glob(f"{target}-*/{FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        if load(path).target == target:
            return path
    raise Inconclusive(
        f"expected the baseline of {target} ({FILE}) in a record below {folder.parent}, found none; "
        "run stage 21_00 before the deployment, and keep its record in the same folder"
    )
