"""Check that Prometheus can be believed about a soak: it keeps our time, and was not restarted.

Windows are made by our clock and asked for in Prometheus' time. A gap too short for the gates to notice still hides
what happened in it. Source: issue "Never half-switched", item 9.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from acceptance.evidence import Evidence
from acceptance.gates.measures import GateResult
from acceptance.observe.prometheus import Prometheus
from acceptance.verdict import Inconclusive, Verdict


@dataclass(frozen=True)
class Observer:
    """One Prometheus at the beginning of a soak.

    Attributes:
        step: The scrape interval in seconds.
        started: When the server says that it started; None where the target file says that it does not.
    """

    prometheus: Prometheus
    step: float
    started: datetime | None

    @classmethod
    def now(cls, prometheus: Prometheus, step: float) -> Observer:
        """Note its clock and its start before a stage or its soak.

        Raises:
            Inconclusive: It does not keep our time, does not say when it started, or does not answer.
        """
        if fault := clock_fault(prometheus, step):  # guard: prometheus-keeps-our-time-before-the-soak
            raise Inconclusive(fault)
        return cls(prometheus, step, prometheus.started())

    def lost(self) -> str:
        """Say why what was asked since `now` cannot be believed, or nothing.

        Raises:
            Inconclusive: It does not answer.
        """
        again = self.prometheus.started()
        if again and again != self.started:  # guard: prometheus-that-restarted
            return (
                f"Prometheus at {self.prometheus.url} was restarted at {again:%Y-%m-%d %H:%M:%S} UTC, in the soak; "
                "what it missed cannot be known; soak again"
            )
        return clock_fault(self.prometheus, self.step)


def clock_fault(prometheus: Prometheus, step: float) -> str:
    """Say how far the clock of Prometheus is from ours when that is too far, else nothing.

    A soak leaves two scrapes at either end of its window, so one of them is the most that may be wrong. The time that
    the answer takes is given to Prometheus: a slow answer is no wrong clock.

    Args:
        prometheus: Whose clock.
        step: The scrape interval in seconds.
    """
    before = time.time()
    theirs = prometheus.clock()
    ahead, behind = theirs - time.time(), before - theirs
    if max(ahead, behind) <= (most := max(1.0, step)):
        return ""
    which = f"{ahead:.1f} s ahead of" if ahead > 0 else f"{behind:.1f} s behind"
    return (
        f"the clock of Prometheus at {prometheus.url} is {which} ours, at most {most:g} s can be allowed: it would "
        "show another time than the soak's; see that both keep time (chronyc tracking, timedatectl), and that it gives "
        "its newest samples (VictoriaMetrics: -search.latencyOffset), and begin again"
    )


def unsettled(results: Iterable[GateResult], why: str) -> tuple[Evidence, ...]:
    """Give for the record how the gates stood when a soak ended early; none counts as passed."""
    return tuple(
        replace(
            result,
            verdict=Verdict.INCONCLUSIVE if result.verdict is Verdict.PASS else result.verdict,
            reason=f"as it stood when {why}: {result.reason}",
        ).evidence()
        for result in results
    )
