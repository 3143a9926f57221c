"""Which path is at work, the old or the new: only the new one counts itself (21_01b and 21_01d, rollout.1-3)."""

from __future__ import annotations

from collections.abc import Callable

from acceptance.polling import poll


def path_findings(counted: Callable[[], object], metric: str, job: str, new: bool, patience_s: float) -> list[str]:
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
        return [f"the flag is false, but {job} counts in {metric}: {seen}; restart it"] if seen else []
    if poll(counted, bool, patience_s):
        return []
    return [f"the flag is true, but {job} counts nothing in {metric}: the old path is at work; restart it"]
