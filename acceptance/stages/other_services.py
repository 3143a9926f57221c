"""Watch the other services while a stage is soaked: "error rate >5% for any component" (trigger.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from acceptance.gates.measures import Threshold, Trigger
from acceptance.stage import Stage

ERROR_RATE = 0.05
"""Share of errors of any component that rolls a stage back (checklist, trigger.1)."""


def error_rates(others: Iterable[Stage]) -> Iterator[Trigger]:
    """Give the error-rate triggers of other stages, each of its own service and named by its stage.

    A neighbour is held to the checklist's share, or to its own stage's where that allows more: what is narrower there
    is that stage's own business, in its soak and when accepted stages are judged again.
    """
    for stage in others:
        for trigger in stage.triggers:
            if trigger.kind == "ratio" and "trigger.1" in trigger.items:
                limit = max(Threshold(trigger.threshold).limit, ERROR_RATE)
                yield replace(trigger, id=f"{stage.id}-{trigger.id}", threshold=f"> {limit:g}", synthetic_events="")
