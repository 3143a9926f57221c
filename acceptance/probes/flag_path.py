"""Tell whether the old or the new path is at work (21_01b and 21_01d, rollout.1-3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acceptance.finding import Finding, summary
from acceptance.polling import poll


def path_findings(counted: Callable[[], object], metric: str, job: str, new: bool, patience_s: float) -> list[Finding]:
    """Name the difference between the path that the flag asks for and the one that the metrics show.

    Args:
        counted: What the new path has counted until now; falsy when nothing.
        metric: Where that was looked for, for the message.
        job: The service's.
        new: The flag's value.
        patience_s: Longest wait for the new path's metrics to be scraped.
    """
    if not new:
        seen = counted()
        expected = f"nothing counted in {metric}, for the flag is false"
        return [Finding("new path at work", job, expected, str(seen), next_step="restart it")] if seen else []
    if poll(counted, bool, patience_s):
        return []
    expected, found = f"a count in {metric}, for the flag is true", "nothing: the old path is at work"
    return [Finding("old path at work", job, expected, found, next_step="restart it")]


def answered(findings: Sequence[Finding]) -> str:
    """Say how the requests were answered that should have shown the new path: a broken service shows none either."""
    return (
        f"our requests were not answered well: {summary(findings)}" if findings else "our requests were answered well"
    )
