"""Gates and triggers: what is measured and against which threshold.

A gate names selectors rather than finished expressions; ``acceptance.gates.judging`` says why.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from acceptance.evidence import Evidence
from acceptance.verdict import Inconclusive, Verdict

#: One series of raw samples: (unix seconds, value), ascending.
Series = Sequence[tuple[float, float]]
Kind = Literal["ratio", "count", "quantile", "value", "alerts", "log_events"]

_BOUNDS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Threshold:
    """A comparison with a number, such as ``< 0.1``."""

    text: str

    @property
    def limit(self) -> float:
        """The number on the right."""
        return float(self.text.split()[1])

    def holds(self, value: float) -> bool:
        """Compare; a NaN holds nothing."""
        return _BOUNDS[self.text.split()[0]](value, self.limit)


@dataclass(frozen=True)
class Measure:
    """What gates and triggers share: a number, and what it takes to believe it.

    Attributes:
        id: Readable name, part of the test id.
        title: The claim, in the checklist's words.
        items: Checklist items that it answers.
        kind: ``count`` of new events on ``query``; ``ratio`` of new events on ``query`` to those on ``total``;
            ``quantile`` of the histogram buckets that ``query`` selects; ``value``: the highest of ``query``.
            For triggers also ``alerts``: number of alerts that fire and did not before; ``log_events``: number
            of log events named by ``query`` (``a|b``) that are not the suite's own.
        query: PromQL selector or expression; ``$job`` is the Prometheus job of the stage's service.
        total: PromQL of the counter that proves there was something to see; not for ``value``.
        threshold: For a gate what must hold, for a trigger what fires it.
        unit: Of the value: ``s``, ``errors``, ``ratio``.
        quantile: For kind ``quantile``.
        min_samples: Events on ``total`` below which nothing is said.
    """

    id: str
    title: str
    items: tuple[str, ...]
    kind: Kind
    query: str
    threshold: str
    total: str = ""
    unit: str = ""
    quantile: float = 0.95
    min_samples: int = 1


@dataclass(frozen=True)
class Gate(Measure):
    """A threshold that must hold over the soak for the stage to pass."""


@dataclass(frozen=True)
class Trigger(Measure):
    """A threshold that, once crossed in ``breaches`` of the last ``of`` looks, rolls the stage back.

    One spike in a metric is no broken release, so metrics take several looks; hard faults take one.

    Attributes:
        own_events: Name of the ledger entry whose expected count is subtracted, so that the
            suite's own security probes do not fire it.
        recent_minutes: A ratio or quantile is also judged over the newest minutes alone.
    """

    breaches: int = 1
    of: int = 1
    own_events: str = ""
    recent_minutes: float = 5


@dataclass(frozen=True)
class Samples:
    """The raw samples of one measure over one window.

    Attributes:
        start: Window start, unix seconds.
        end: Window end, unix seconds.
        step: Seconds between samples.
        query: The series of ``query``; for a quantile one for each ``le``.
        total: The series of ``total``, empty where the measure has none.
        reported: Number of scrapes of the service within the window, from ``up``.
    """

    start: float
    end: float
    step: float
    query: Mapping[str, Series]
    total: Series = ()
    reported: int = 0

    @property
    def expected(self) -> int:
        """How many scrapes the window should hold."""
        return max(1, math.floor((self.end - self.start) / self.step))


@dataclass(frozen=True)
class GateResult:
    """A judged gate: the number, and all that is needed to check it by hand."""

    gate: Measure
    verdict: Verdict
    value: float | None
    samples: int
    reason: str
    start: float
    end: float
    series: Series = field(default=(), repr=False)

    def explain(self) -> str:
        """Give one line for an assertion message."""
        return f"{self.verdict}: {self.gate.title}: {self.reason} [{self.gate.query}]"

    def judged(self) -> GateResult:
        """Give itself when it says something.

        Raises:
            Inconclusive: It could not see enough.
        """
        if self.verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(self.explain())
        return self

    def evidence(self) -> Evidence:
        """Give itself for the record."""
        return Evidence("gate", self.gate.title, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Give the evidence form (kind ``gate`` in ``docs/record.md``)."""
        finite = self.value is not None and math.isfinite(self.value)
        return {
            "id": self.gate.id,
            "title": self.gate.title,
            "query": self.gate.query,
            "threshold": self.gate.threshold,
            "unit": self.gate.unit,
            "value": self.value if finite else (None if self.value is None else str(self.value)),
            "verdict": self.verdict.value,
            "reason": self.reason,
            "samples": self.samples,
            "window": {"start": self.start, "end": self.end},
            "baseline": None,
            "series": [[at, number] for at, number in self.series if math.isfinite(number)],
        }
