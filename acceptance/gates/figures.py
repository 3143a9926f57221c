"""Define what the event log and the record hold of gates and triggers: one type each, to write and to read.

A log may be older than this code, so reading forgives: what is missing is empty, an unknown verdict is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from acceptance.verdict import Verdict, verdict_of


@dataclass(frozen=True)
class TriggerState:
    """How one trigger stands, or stood when its stage ended; written into the event log, and read from there.

    Attributes:
        evaluations: How often it was evaluated and had data; None where the log does not say.
        age_s: How old the newest data were at the last evaluation; None where it was never evaluated.
        verdict: PASS: it did not fire. INCONCLUSIVE: it had no data, or was never evaluated.
        other: It watches the service of another stage, which may be idle: without data it says nothing.
    """

    id: str
    title: str
    items: tuple[str, ...]
    threshold: str
    unit: str = ""
    value: float | None = None
    evaluations: int | None = 0
    age_s: float | None = None
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = "it was never evaluated"
    other: bool = False

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Read it from a log, which may be older than this code."""
        return cls(
            id=str(data.get("id") or ""),
            title=str(data.get("title") or data.get("id") or ""),
            items=tuple(map(str, data.get("items") or ())),
            threshold=str(data.get("threshold") or ""),
            unit=str(data.get("unit") or ""),
            value=data.get("value"),
            evaluations=data.get("evaluations"),
            age_s=data.get("age_s"),
            verdict=verdict_of(data.get("verdict")),
            reason=str(data.get("reason") or ""),
            other=data.get("other") is True,
        )


@dataclass(frozen=True)
class GateFigures:
    """What the event log and the record hold of a judged gate."""

    id: str
    title: str
    query: str
    threshold: float | str | None
    unit: str
    value: float | str | None
    verdict: Verdict
    reason: str
    samples: int | None
    window: Mapping[str, Any] | None
    baseline: float | str | None

    @classmethod
    def read(cls, data: Mapping[str, Any], **more: Any) -> Self:
        """Read it from a log, which may be older than this code; `more` are the fields of a subclass."""
        return cls(
            id=str(data.get("id") or ""),
            title=str(data.get("title") or data.get("id") or ""),
            query=str(data.get("query") or ""),
            threshold=data.get("threshold"),
            unit=str(data.get("unit") or ""),
            value=data.get("value"),
            verdict=verdict_of(data.get("verdict")),
            reason=str(data.get("reason") or ""),
            samples=data.get("samples"),
            window=data.get("window"),
            baseline=data.get("baseline"),
            **more,
        )
