"""Tell whether a deployment's window was not enough, and when the next one opens ("If Deployment Window Overruns").

Pure. Only production has a window that holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from acceptance.record.formatting import between, duration, parse
from acceptance.record.schema import Record
from acceptance.target.window import Window

_LATE = re.compile(r"\bruns late: |\bwindow: it is ")
"""In the reason of a stage that the window ended, and of one that depends on it."""


@dataclass(frozen=True)
class Delay:
    """What the window was not enough for.

    Attributes:
        stages: Those that were not done for it.
        seconds: How long the run went on after its end.
        rescheduled: When the next window opens, RFC 3339; empty where the target's window is not in the log.
    """

    stages: tuple[str, ...]
    seconds: float
    rescheduled: str

    def __str__(self) -> str:
        """Give one line."""
        over = [f"the run ended {duration(self.seconds)} after its window"] if self.seconds else []
        moved = [f"stage {', '.join(self.stages)} rescheduled for {self.when}"] if self.stages else []
        return "; ".join([*over, *moved])

    @property
    def when(self) -> str:
        """The new date, for a reader."""
        opens = parse(self.rescheduled)
        return f"{opens:%a %Y-%m-%d %H:%M} UTC" if opens else "the next window"


def delay_of(record: Record) -> Delay | None:
    """Give the delay of a run; None where its window was enough."""
    facts = record.facts
    stages = tuple(stage.id for stage in record.stages if _LATE.search(stage.reason))
    over = max(between((facts.window or {}).get("end"), facts.finished_at) or 0.0, 0.0)
    if facts.target_kind != "production" or not (stages or over):
        return None
    return Delay(stages, over, _next(record))


def _next(record: Record) -> str:
    target, ended = record.facts.target, parse(record.facts.finished_at) or parse(record.facts.started_at)
    try:
        window = Window(int(target["window.day"]), time.fromisoformat(target["window.opens"]))
    except (KeyError, ValueError):
        return ""
    return window.next(ended).start.isoformat() if ended else ""
