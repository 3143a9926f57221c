"""Keep account of the synthetic events, so that no trigger takes our own probes for a broken release."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from acceptance.gates.measures import Trigger
from acceptance.observe.log_lines import LogLine
from acceptance.target.log_format import LogFormat

TOGETHER = "together"
_SLACK_S = 3.0
"""How far the clocks may differ (`acceptance.stages.log_probe`), and how late a line may be written."""


@dataclass
class _Spell:
    """A stretch in which we attack, in unix seconds."""

    begin: float
    requests: int
    end: float = math.inf

    def holds(self, line: LogLine) -> bool:
        return line.at is not None and self.begin - _SLACK_S <= line.at.timestamp() <= self.end + _SLACK_S


class SyntheticEvents:
    """Counts the events that the suite's own probes cause; told before they are sent.

    Some must be counted by the service, such as a refused digest; others may be, such as a damaged archive, of which
    the contract does not say what it counts as. Both are subtracted before a trigger fires.
    """

    def __init__(self) -> None:
        self._must: Counter[str] = Counter()
        self._may: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._told: dict[str, float] = {}
        self._spells: list[_Spell] = []

    def expect(self, event: str) -> None:
        """Announce an event that the service must count, such as `checksum_failed`."""
        self._told[event] = time.time()
        self._must[event] += 1

    def allow(self, event: str, count: int = 1) -> None:
        """Announce events that it may count."""
        self._told[event] = time.time()
        self._may[event] += count

    def begin(self, event: str) -> None:
        """Count every event from now on as synthetic, until `end` says how many there were."""
        self._open[event] += 1

    def end(self, event: str, count: int) -> None:
        """Tell what was counted since `begin`."""
        self.allow(event, count)
        self._open[event] -= 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Leave out of latency triggers what is counted in this block: no users of a deployment come all at once."""
        self.begin(TOGETHER)
        try:
            yield
        finally:
            self.end(TOGETHER, 0)

    def settle(self, event: str, counted: int) -> None:
        """Fix the number of synthetic events by what was counted once our probes have ended."""
        self._may[event] = max(0, min(self._may[event], counted - self._must[event]))

    @contextmanager
    def attacking(self, requests: int) -> Iterator[None]:
        """Count the log events of this block as synthetic, one a request, where no trace id tells whose they are."""
        spell = _Spell(time.time(), requests)
        self._spells.append(spell)
        try:
            yield
        finally:
            spell.end = time.time()

    def foreign(self, lines: Iterable[LogLine], is_ours: Callable[[LogLine], bool], *, traced: bool) -> list[LogLine]:
        """Give the lines that no request of ours caused.

        Args:
            lines: Of security events.
            is_ours: Tells our own by trace id or test data.
            traced: Whether the services read the trace id that we send, so that another id is another's.
        """
        left = {id(spell): spell.requests for spell in self._spells}
        found = []
        for line in lines:
            if is_ours(line):
                continue
            spells = () if traced and line.trace_id else self._spells
            spell = next((each for each in spells if left[id(each)] and each.holds(line)), None)
            if spell:
                left[id(spell)] -= 1
            else:
                found.append(line)
        return found

    def span(self, event: str) -> tuple[int, float]:
        """Give how many must and how many may have been counted; the latter is infinite after `begin`."""
        most = math.inf if self._open[event] else self._must[event] + self._may[event]
        return self._must[event], most

    def undisturbed_since(self, event: str) -> float:
        """Give the unix seconds since when none was announced; infinite after `begin`."""
        return math.inf if self._open[event] else self._told.get(event, 0.0)


def visible(triggers: Iterable[Trigger], form: LogFormat) -> tuple[Trigger, ...]:
    """Leave out those of events that the target file says are not logged: a limit of the deployment, no blindness."""
    return tuple(each for each in triggers if each.kind != "log_events" or any(map(form.tells, each.query.split("|"))))
