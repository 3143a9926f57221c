"""Describe gates and triggers: what is measured, and the threshold that it is compared with.

A gate names selectors rather than finished expressions; `acceptance.gates.judging` says why.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from acceptance.evidence import Evidence
from acceptance.gates.figures import GateFigures
from acceptance.gates.series import Series
from acceptance.verdict import Inconclusive, Verdict

Kind = Literal["ratio", "count", "quantile", "average", "value", "alerts", "log_events"]

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Threshold:
    """A comparison with a number, such as `< 0.1`."""

    text: str

    @property
    def limit(self) -> float:
        """The number on the right."""
        return float(self.text.split()[1])

    def holds(self, value: float) -> bool:
        """Compare; a NaN holds nothing."""
        return _COMPARISONS[self.text.split()[0]](value, self.limit)


@dataclass(frozen=True)
class Measure:
    """What gates and triggers share: a number, and what it takes to believe it.

    Attributes:
        id: Readable name, part of the test id.
        title: The claim, in the checklist's words.
        items: Checklist items that it answers.
        kind: `count`: new events on `query`. `ratio`: how many of the new events on `total` are on `query` too.
            `quantile`: how many observations of the histogram whose buckets `query` selects are over the threshold;
            `1 - quantile` of them may be. `average`: seconds on `query` by events on `total`. `value`: the samples of
            `query` themselves. For triggers also `alerts`: number of alerts that fire and did not before;
            `log_events`: number of log events named by `query` (`a|b`) that are not the suite's own.
        query: PromQL selector, of raw series: no `sum()`; `$job` is the Prometheus job of the stage's service.
        total: Selector of the counter that proves there was something to count; not for `value`.
        threshold: For a gate what must hold, for a trigger what fires it.
        unit: Of the value: `s`, `errors`, `ratio`.
        quantile: For kind `quantile`.
        job: The Prometheus job; filled in by `Stage.at`.
        own_query: The query in the deployment's own names, to be read and pasted; likewise.
        own_total: The total, likewise.
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
    job: str = ""
    own_query: str = ""
    own_total: str = ""

    @property
    def shown(self) -> str:
        """What is shown of the query."""
        return self.own_query or self.query

    @property
    def shown_total(self) -> str:
        """What is shown of the total."""
        return self.own_total or self.total

    def is_bad(self, value: float) -> bool:
        """Tell whether a value breaks the threshold; for a trigger, whether it fires."""
        return not Threshold(self.threshold).holds(value)

    @property
    def share(self) -> float:
        """The share of events that may be bad, for kinds `ratio` and `quantile`."""
        return Threshold(self.threshold).limit if self.kind == "ratio" else 1 - self.quantile


@dataclass(frozen=True)
class Gate(Measure):
    """A threshold that must hold over the soak for the stage to pass."""


@dataclass(frozen=True)
class Trigger(Measure):
    """A threshold that, once crossed, rolls the stage back.

    Ratios, quantiles and averages fire when the counts prove it, see `acceptance.gates.sequential`.

    Attributes:
        in_a_row: For `value` and `alerts`: at so many evaluations one after the other.
        synthetic_events: Name of the ledger entry whose expected count is subtracted, or after which alone is counted,
            so that the suite's own probes do not fire it.
    """

    in_a_row: int = 1
    synthetic_events: str = ""

    def is_bad(self, value: float) -> bool:
        """Tell whether a value fires it."""
        return Threshold(self.threshold).holds(value)


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
        return f"{self.verdict}: {self.gate.title}: {self.reason} [{self.gate.shown}]"

    def judged(self) -> GateResult:
        """Give itself when it says something.

        Raises:
            Inconclusive: There are not enough data.
        """
        if self.verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(self.explain())
        return self

    def evidence(self) -> Evidence:
        """Give itself for the record."""
        return Evidence("gate", self.gate.title, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Give the evidence form (kind `gate` in `docs/record.md`)."""
        finite = self.value is None or math.isfinite(self.value)
        figures = GateFigures(
            id=self.gate.id,
            title=self.gate.title,
            query=self.gate.shown,
            threshold=self.gate.threshold,
            unit=self.gate.unit,
            value=self.value if finite else str(self.value),
            verdict=self.verdict,
            reason=self.reason,
            samples=self.samples,
            window={"start": self.start, "end": self.end},
            baseline=None,
        )
        return vars(figures) | {"series": [[at, number] for at, number in self.series if math.isfinite(number)]}
