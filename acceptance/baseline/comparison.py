"""What a comparison of before and after says, and what a level may become. Source: post24.monitoring.1-5."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from acceptance.verdict import Verdict


@dataclass(frozen=True)
class Limit:
    """What a level may become.

    Attributes:
        times: Times the baseline's level.
        least: A baseline below this counts as this: twice nearly nothing is nearly nothing.
        resolution: Smallest value told from nothing.
        unit: Of the level.
    """

    times: float
    least: float
    resolution: float
    unit: str

    def allowed(self, before: float) -> float:
        """Give the highest good level after this one."""
        return self.times * max(before, self.least)


@dataclass(frozen=True)
class Comparison:
    """One judged pair of numbers.

    Attributes:
        subject: The service, or what else it is about.
        measure: Such as ``errors of butler_messages``.
        verdict: PASS, FAIL, INCONCLUSIVE, or SKIPPED where nothing was to be compared.
        reason: What decided, with the numbers.
        before: The baseline's number.
        after: The number now.
        unit: Of both.
        effect: After divided by before.
        low: Lower confidence bound of the effect.
        high: Its upper confidence bound.
        samples: How many requests or windows before and after.
        detectable: The smallest change that would have been called one, in words.
    """

    subject: str
    measure: str
    verdict: Verdict
    reason: str
    before: float | None = None
    after: float | None = None
    unit: str = ""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    samples: tuple[int, int] = (0, 0)
    detectable: str = ""

    def told(self) -> str:
        """Give what was found, without the verdict."""
        least = f"; smallest change that shows: {self.detectable}" if self.detectable else ""
        return f"{self.subject}: {self.measure}: {self.reason}{least}"

    def explain(self) -> str:
        """Give one line with the verdict and all numbers."""
        return f"{self.verdict}: {self.told()}"

    def as_json(self) -> dict[str, Any]:
        """Give JSON-able facts; a number that is not finite becomes text."""
        facts = asdict(self) | {"verdict": self.verdict.value, "samples": list(self.samples)}
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in facts.items()
        }


#: The checklist gives 200 ms as twice the baseline of a dialog, so 100 ms is the least baseline.
LATENCY = Limit(2.0, 0.1, 1e-6, "s")
CPU = Limit(2.0, 0.25, 1e-3, "cores")
MEMORY = Limit(1.5, 256.0, 1.0, "MiB")
