"""Tell the log lines that the suite's own requests caused, in this run and in the earlier ones on its target.

A stage that looks back finds there what an earlier run provoked a few minutes before. Of a run whose log is not here or
not whole nothing is known, and its lines count as anybody's; so do those that a killed run had no time to tell of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from acceptance.conduct.run import Run
from acceptance.conduct.testdata import trace_prefix
from acceptance.events import Event, read_events
from acceptance.kinds import HttpBroken, RunStarted
from acceptance.observe.foreign_lines import Foreign, ForeignLines
from acceptance.observe.log_lines import LogLine, of_ours
from acceptance.record.earlier_runs import logs_of_target
from acceptance.target.model import Service, Target

LONGEST_S = 24 * 3600.0
"""No check looks back further, in seconds."""


@dataclass(frozen=True)
class OwnRequests:
    """What is known of our own requests to a target.

    Attributes:
        target: The deployment.
        run: The run in hand.
        this_run: Whether its own requests are meant too, beside those of earlier runs.
    """

    target: Target
    run: Run
    this_run: bool = True

    @cached_property
    def _earlier(self) -> list[tuple[Event, ...]]:
        return logs_of_target(self.run.folder, time.time() - LONGEST_S)

    @cached_property
    def _of_each_run(self) -> list[Callable[[LogLine], bool]]:
        told = [*(RunStarted.first(log).prefix for log in self._earlier), self.run.prefix if self.this_run else ""]
        traced = bool(self.target.trace_header)
        return [of_ours(trace_prefix(each) if traced else "", each) for each in told if each]

    def is_ours(self, line: LogLine) -> bool:
        """Tell a line by the trace id or the test data that it names."""
        return any(of_a_run(line) for of_a_run in self._of_each_run)

    def leave_out(self, service: Service) -> Foreign:
        """Give what leaves the lines of our own requests out of a service's log, as they are known now."""
        return ForeignLines(self.is_ours, sorted(self._broken(service.name)))

    def _broken(self, service: str) -> Iterator[tuple[float, float]]:
        own = [tuple(read_events(self.run.events))] if self.this_run else []
        for event in (event for log in (*self._earlier, *own) for event in log):
            broken = HttpBroken.read(event)
            if broken and broken.service == service:
                end = datetime.fromisoformat(event.at).timestamp()
                yield end - broken.seconds, end
