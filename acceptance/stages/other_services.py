"""Watch the other services while a stage is soaked: "error rate >5% for any component" (trigger.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from acceptance.gates.measures import Trigger
from acceptance.stage import Stage


def error_rates(others: Iterable[Stage]) -> Iterator[Trigger]:
    """Give the error-rate triggers of other stages, each of its own service and named by its stage."""
    for stage in others:
        for trigger in stage.triggers:
            if trigger.kind == "ratio" and "trigger.1" in trigger.items:
                yield replace(trigger, id=f"{stage.id}-{trigger.id}", synthetic_events="")
