"""Find out whether a deployment took too long, and when the next window opens ("If Deployment Window Overruns").

Pure. Only production has a window that holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time

from acceptance.record.formatting import between, duration, parse
from acceptance.record.schema import Record
from acceptance.target.window import Window

_LATE = re.compile(r"\bruns late: |\bwindow: it is ")
"""In the reason of a stage that the window ended, and of one that depends on it."""


_LEAST_S = 60.0
"""A stage that took less than this over its plan is on time."""


@dataclass(frozen=True)
class Delay:
    """What the window was not enough for, or which stages took longer than planned within it.

    Attributes:
        stages: Those that were not done for it.
        seconds: How long the run went on after its end.
        rescheduled: When the next window opens, RFC 3339; empty where the target's window is not in the log.
        overran: By how many seconds the stages that were done took longer than planned, by their id.
    """

    stages: tuple[str, ...]
    seconds: float
    rescheduled: str
    overran: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Give one line."""
        over = [f"the run ended {duration(self.seconds)} after its window"] if self.seconds else []
        moved = [f"stage {', '.join(self.stages)} rescheduled for {self.when}"] if self.stages else []
        longer = [f"stage {name} took {duration(over)} longer than planned" for name, over in self.overran.items()]
        return "; ".join([*over, *moved, *longer])

    @property
    def when(self) -> str:
        """The new date, for a reader."""
        opens = parse(self.rescheduled)
        return f"{opens:%a %Y-%m-%d %H:%M} UTC" if opens else "the next window"


def delay_of(record: Record) -> Delay | None:
    """Give the delay of a run; None where all was done as planned."""
    facts = record.facts
    stages = tuple(stage.id for stage in record.stages if _LATE.search(stage.reason))
    over = max(between((facts.window or {}).get("end"), facts.finished_at) or 0.0, 0.0)
    longer = {
        each.id: (each.seconds or 0) - 60 * each.planned_minutes for each in record.stages if each.planned_minutes
    }
    overran = {name: seconds for name, seconds in longer.items() if seconds >= _LEAST_S}
    if facts.target_kind != "production" or not (stages or over or overran):
        return None
    return Delay(stages, over, _next(record), overran)


def _next(record: Record) -> str:
    target, ended = record.facts.target, parse(record.facts.finished_at) or parse(record.facts.started_at)
    try:
        window = Window(int(target["window.day"]), time.fromisoformat(target["window.opens"]))
    except (KeyError, ValueError):
        return ""
    return window.next(ended).start.isoformat() if ended else ""
