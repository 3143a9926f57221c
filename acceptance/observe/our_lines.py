"""Judge the lines that a service logs of our own requests: their times, their trace ids and their number.

The old path decides how many lines of an event a request leaves, and whether they carry its trace id. Where the log
has no trace ids, or the service takes none of ours, there is nothing to judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acceptance.finding import Finding
from acceptance.observe.log_lines import LogLine

LEAST = 3
"""So many requests show what an event is like; of fewer it may be chance."""
FIELDS = ("task_id", "student_id", "storage_path", "checksum")
"""What a line tells where it applies (target contract, "Logs")."""
CLOCKS = timedelta(seconds=2)
"""How far the clock of a log may differ from ours: a change is told from what came before it by time."""
BACK_S = 0.2
"""A process that was ended may be at work again so soon; that it was restarted is seen later, by a scrape."""


@dataclass(frozen=True)
class OurLines:
    """What a service's log tells of a run.

    Attributes:
        source: Where the log lies.
        before: Lines of the stage from before its flag was switched on; other stages ask for other things.
        after: Those since then.
        prefix: What our trace ids begin with.
        cut: Trace ids of the requests that a restart cut off, and that were begun again.
    """

    source: str
    before: Sequence[LogLine]
    after: Sequence[LogLine]
    prefix: str
    cut: frozenset[str] = frozenset()

    @classmethod
    def of_stage(
        cls,
        source: str,
        lines: Sequence[LogLine],
        begun: datetime,
        change: datetime,
        prefix: str,
        restarted: Iterable[tuple[float, float]] = (),
    ) -> OurLines:
        """Split a stage's lines at the change of its flag, without those of earlier stages.

        Args:
            source: Where the log lies.
            lines: All of the run.
            begun: When the stage began.
            change: When the flag was about to be switched on.
            prefix: What our trace ids begin with.
            restarted: When the service was restarted, from and to, unix seconds: work that is cut off is begun again.
        """
        after = [line for line in lines if line.since(change)]
        before = [line for line in lines if line.since(change) is False and line.since(begun)]
        return cls(source, before, after, prefix, _cut_off(lines, restarted))

    def untimely(self, newest: Sequence[LogLine], start: datetime, end: datetime) -> list[Finding]:
        """Name the events whose lines of ours have a time outside this run.

        Args:
            newest: The end of the log, whenever its lines say that they were written.
            start: When the run began.
            end: Now.
        """
        expected = f"lines of our requests from {start:%H:%M:%S} to {end:%H:%M:%S} UTC"
        found = []
        for event, lines in _by_event([line for line in newest if self._is_ours(line)]).items():
            times = [line.at for line in lines if line.at and not start - CLOCKS <= line.at <= end + CLOCKS]
            if times:
                found.append(self._finding("other time", event, expected, f"{len(times)}, such as {times[-1]}"))
        return found

    def otherwise(self) -> list[Finding]:
        """Name the events that our requests log otherwise than by the old path."""
        found, after = list[Finding](), _by_event(self.after)
        for event, lines in _by_event(self.before).items():
            if min(len(lines), len(after.get(event, ()))) >= LEAST:
                found += self._unlike(event, lines, after[event])
        return [*found, *self._lost_fields()]

    def _lost_fields(self) -> Iterator[Finding]:
        before, after = ([line for line in lines if self._is_ours(line)] for lines in (self.before, self.after))
        for name in FIELDS:
            requests = {line.trace_id for line in before if _tells(line, name)}
            if len(requests) >= LEAST and after and not any(_tells(line, name) for line in after):
                expected = f"lines of our requests with {name}, as with the flag off"
                yield Finding("not logged", self.source, expected, "none")

    def _unlike(self, event: str, before: Sequence[LogLine], after: Sequence[LogLine]) -> Iterator[Finding]:
        old, new = map(self._of_each_request, (before, after))
        if len(old) < LEAST:
            return
        most = max([count for trace, count in old.items() if trace not in self.cut] or old.values())
        if not new:
            expected = "lines with the trace ids of our requests, as with the flag off"
            found = f"none in {len(after)}, such as {after[-1].trace_id or 'no trace id'}"
            yield self._finding("other trace id", event, expected, found)
        elif new.total() > (len(new) + len(self.cut & new.keys())) * most:
            expected = f"at most {most} lines of a request, as with the flag off"
            yield self._finding("repeated", event, expected, f"{new.total()} lines of {len(new)} requests")

    def _finding(self, kind: str, event: str, expected: str, found: str) -> Finding:
        return Finding(kind, f"{self.source}, event {event}", expected, found)

    def _of_each_request(self, lines: Sequence[LogLine]) -> Counter[str]:
        return Counter(line.trace_id for line in lines if self._is_ours(line))

    def _is_ours(self, line: LogLine) -> bool:
        return line.trace_id.startswith(self.prefix)


def _cut_off(lines: Iterable[LogLine], restarted: Iterable[tuple[float, float]]) -> frozenset[str]:
    """Name the requests that began again after a restart of the service, by their trace ids.

    They leave lines of one event on both sides of it, as far apart as a process takes to come back.
    """
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in lines:
        if line.trace_id and line.at:
            times[line.trace_id, line.event].append(line.at.timestamp())
    margin, spells = CLOCKS.total_seconds(), list(restarted)

    def began_again(at: Sequence[float], begin: float, end: float) -> bool:
        apart, least = max(at) - min(at), (end - begin) / 2
        within = min(at) < end and max(at) > begin and apart > min(BACK_S, least)
        return within or (min(at) < end + margin and max(at) > begin - margin and apart > least)

    return frozenset(trace for (trace, _), at in times.items() for spell in spells if began_again(at, *spell))


def _tells(line: LogLine, name: str) -> bool:
    """Whether a line has a field, also as `taskId` for `task_id`."""
    bare = name.replace("_", "")
    return any(value for key, value in line.fields.items() if key.replace("_", "").lower() == bare)


def _by_event(lines: Iterable[LogLine]) -> Mapping[str, Sequence[LogLine]]:
    found: dict[str, list[LogLine]] = defaultdict(list)
    for line in lines:
        if line.event:
            found[line.event].append(line)
    return found
