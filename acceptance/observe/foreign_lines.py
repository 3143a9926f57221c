"""Find the lines of a log that no request of the suite caused. Pure.

Our own lines are told by trace id or test data. A request that breaks HTTP may leave lines that have neither, such as
the error that a server itself logs: these are told by the time of that request, and no more than one request leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from acceptance.observe.log_lines import LogLine

Foreign = Callable[[Sequence[LogLine]], list[LogLine]]
"""Gives the lines that are not of the suite's own requests."""

_SLACK_S = 3.0
"""How far the clocks may differ (`acceptance.stages.log_probe`), and how late a line may be written."""
_TOGETHER_S = 1.0
"""The lines of one failure stand so close together."""


@dataclass(frozen=True)
class ForeignLines:
    """Leaves out the lines of our own requests.

    Attributes:
        is_ours: Tells them by trace id or test data.
        broken: From and to, unix seconds, of each request of ours that broke HTTP.
    """

    is_ours: Callable[[LogLine], bool]
    broken: Sequence[tuple[float, float]] = ()

    def __call__(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Give the other lines, in their order."""
        theirs = [line for line in lines if not self.is_ours(line)]
        nameless = [line for line in theirs if line.is_error and not line.trace_id]
        # A kind that also comes at other times is not only ours: all of it counts.
        at_other_times = {line.kind for line in nameless if not any(_holds(spell, line) for spell in self.broken)}
        left = [line for line in nameless if line.kind not in at_other_times]
        for spell in self.broken:
            of_it = _first_failure(line for line in left if _holds(spell, line))
            left = [line for line in left if not _among(line, of_it)]
            theirs = [line for line in theirs if not _among(line, of_it)]
        return theirs


def _holds(spell: tuple[float, float], line: LogLine) -> bool:
    times = [line.at] if line.at else [line.after, line.before]
    return all(at and spell[0] - _SLACK_S <= at.timestamp() <= spell[1] + _SLACK_S for at in times)


def _first_failure(lines: Iterable[LogLine]) -> list[LogLine]:
    """Give one line of each kind, those that stand by the first: what a single request leaves."""
    placed = ((line.at or line.after, place, line) for place, line in enumerate(lines))
    in_order = sorted((at.timestamp(), place, line) for at, place, line in placed if at)
    first: dict[tuple[str, str, str], LogLine] = {}
    for at, _, line in in_order:
        if at <= in_order[0][0] + _TOGETHER_S:
            first.setdefault(line.kind, line)
    return list(first.values())


def _among(line: LogLine, lines: Iterable[LogLine]) -> bool:
    return any(line is each for each in lines)
