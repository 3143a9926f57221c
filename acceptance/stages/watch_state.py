"""Describe how a watch and each of its triggers stand, for the terminal and the record."""

from __future__ import annotations

from dataclasses import dataclass

from acceptance.gates.figures import TriggerState
from acceptance.verdict import Verdict


@dataclass(frozen=True)
class WatchState:
    """One moment of a watch.

    Attributes:
        age_s: Seconds since the newest data; what the watch is blind for.
        blind_limit_s: Seconds after which the stage is rolled back for that.
        step_s: The scrape interval in seconds: data are never newer than that.
        evaluations: How often the triggers were evaluated on newer data.
        triggers: Each trigger that is watched.
    """

    age_s: float
    blind_limit_s: float
    step_s: float
    evaluations: int = 0
    triggers: tuple[TriggerState, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether more than one scrape is missing."""
        return self.age_s > 2.5 * self.step_s + 1

    def told(self) -> str:
        """Say it in a few words: `BLIND 23 s of 75 s`, or `5 triggers not fired, 2 without enough data, 4 idle`."""
        if self.blind:
            return f"BLIND {self.age_s:.0f} s of {self.blind_limit_s:.0f} s"
        good = sum(each.verdict is Verdict.PASS for each in self.triggers)
        idle = sum(each.other and each.verdict is Verdict.INCONCLUSIVE for each in self.triggers)
        rest = {"without enough data": len(self.triggers) - good - idle, "idle": idle}
        return ", ".join([f"{good} triggers not fired", *(f"{count} {word}" for word, count in rest.items() if count)])
