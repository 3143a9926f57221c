"""Tell whether the old or the new path is at work (21_01b and 21_01d, rollout.1-3)."""

from __future__ import annotations

from collections.abc import Sequence

from acceptance.finding import Finding, summary
from acceptance.observe.new_path import NewPath


def path_findings(path: NewPath, new: bool) -> list[Finding]:
    """Say that another path is at work than the flag asks for.

    Args:
        path: What shows the new path.
        new: The flag's value.

    Raises:
        Inconclusive: What shows it cannot be read.
    """
    if not new:
        seen, expected = path.after_use(), f"no sign of {path}, for the flag is false"
        found = [Finding("new path at work", path.service.name, expected, str(sorted(seen)), next_step="restart it")]
        return found if seen else []
    if path.appears():
        return []
    expected, none = f"{path}, for the flag is true", "nothing: the old path is at work"
    return [Finding("old path at work", path.service.name, expected, none, next_step="restart it")]


def answered(findings: Sequence[Finding]) -> str:
    """Say how the requests that should have shown the new path were answered: a broken service shows none."""
    return (
        f"our requests were not answered well: {summary(findings)}" if findings else "our requests were answered well"
    )
