"""Describe how a watch stands, for the terminal and the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WatchState:
    """One moment of a watch.

    Attributes:
        age_s: Seconds since the newest data; what the watch is blind for.
        blind_limit_s: Seconds after which the stage is rolled back for that.
        step_s: The scrape interval in seconds: data are never newer than that.
        evaluations: How often the triggers were evaluated on newer data.
        triggers: By trigger id: `quiet`, `FIRED`, or `no data` with the reason.
    """

    age_s: float
    blind_limit_s: float
    step_s: float
    evaluations: int = 0
    triggers: Mapping[str, str] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        """Whether more than one scrape is missing."""
        return self.age_s > 2.5 * self.step_s + 1

    def told(self) -> str:
        """Say it in a few words: `BLIND 23 s of 75 s`, or `5 triggers quiet, 2 without data`."""
        if self.blind:
            return f"BLIND {self.age_s:.0f} s of {self.blind_limit_s:.0f} s"
        quiet = sum(state == "quiet" for state in self.triggers.values())
        without = len(self.triggers) - quiet
        return f"{quiet} triggers quiet" + (f", {without} without data" if without else "")
