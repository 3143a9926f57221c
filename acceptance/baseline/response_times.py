"""Compare the times of our own requests, before and after a change.

Source: checklist item trigger.2 ("Latency >2x baseline"). The thresholds of `stage.toml` are constants and let 10 ms
become 150 ms; the baseline here is the run's own, measured on the same day, target and request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from acceptance.finding import Finding
from acceptance.gates.statistics import level_ratio
from acceptance.verdict import Inconclusive

REQUESTS = 12
"""How many are sent on each side."""
FEWEST = 7
"""With fewer on each side not even times that are all longer prove anything at `ALPHA`."""
ALPHA = 0.001
"""Probability that equal times are called longer."""
TIMES = 2.0
RESOLUTION_S = 0.05
"""What is shorter counts as this, in seconds: nobody notices it, and a busy machine makes it."""


def slower(
    subject: str,
    before: Sequence[float],
    now: Sequence[float],
    again: Callable[[], Sequence[float]],
    resolution_s: float = RESOLUTION_S,
) -> list[Finding]:
    """Say whether requests take over twice as long as before, each time that they are measured.

    Args:
        subject: Whose they are.
        before: Seconds of each, before the change.
        now: The same after it.
        again: Measures them once more, where those took longer: a busy minute of the machine is no slow release.
        resolution_s: What is shorter counts as this.

    Raises:
        Inconclusive: There are too few to tell.
    """
    return _slower(subject, before, now, resolution_s) and _slower(subject, before, again(), resolution_s)


def slower_too(
    subject: str,
    before: Sequence[float],
    now: Sequence[float],
    again: Callable[[], Sequence[float]],
    resolution_s: float = RESOLUTION_S,
) -> list[Finding]:
    """Do as `slower` for times that another check has measured; of too few nothing is told."""
    enough = min(len(before), len(now)) >= FEWEST
    return slower(subject, before, now, again, resolution_s) if enough else []


def _slower(subject: str, before: Sequence[float], after: Sequence[float], resolution_s: float) -> list[Finding]:
    if min(len(before), len(after)) < FEWEST:
        raise Inconclusive(
            f"{subject}: expected at least {FEWEST} timed requests before and after the change, "
            f"found {len(before)} and {len(after)}; run the stage from its flag-off phase"
        )
    ratio = level_ratio(before, after, ALPHA, resolution_s)
    if ratio.low <= 1 or ratio.estimate <= TIMES:
        return []
    return [
        Finding(
            "slower than before",
            subject,
            f"requests as quick as before ({median(before):.3g} s, median of {len(before)}), at most {TIMES:g} x",
            f"{median(after):.3g} s, median of {len(after)}: {ratio.estimate:.3g} x (p = {ratio.p:.2g})",
        )
    ]
