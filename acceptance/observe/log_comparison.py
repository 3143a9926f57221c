"""Judge whether a log is worse than before a change: one rule for files, Docker, journald and Loki.

Source: checklist items 21_00.exit.2 ("no error spike in logs"), 21_01a.monitor.2 ("no new errors"), post.validation.4
("low count, baseline level"). Stated: one failure writes many lines, so lines are not counted but incidents: an error
and all that follows it within a dead time are one. Given the incidents before and after, those after are binomial if
nothing changed (exact conditional test); a dead time makes them rarer together, never more likely to be an increase.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity
from acceptance.gates.measures import Gate, GateResult, Threshold
from acceptance.gates.statistics import Count, increase_p, least_seen, poisson_tail, rate_ratio
from acceptance.observe.foreign_lines import Foreign
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Excerpt, Logs, begins_late, without_time
from acceptance.target.log_format import NUMBERS
from acceptance.verdict import Inconclusive, Verdict

INCREASE = Gate("error-increase", "No more errors in the log than before", (), "value", "errors", ">= 0.001", unit="p")
FEW = Gate("few-errors", "Errors that need no excuse", (), "value", "errors", "<= 1", unit="errors/min")
LOOKBACK = timedelta(hours=1)
"""How long before a change counts as before; less where the log begins later."""
TIMES = 2.0
"""What was seen must exclude this many times the rate of before."""
RESTART, FIRST_LINE = timedelta(seconds=60), timedelta(seconds=15)
"""How long after a change the log of a re-created container may begin, and how long after the service is back."""
AGAIN = 3
"""So many errors of a new kind are no chance."""
LOUD, STRETCH = 10.0, 0.25
"""Lines a second that are no flood, and the share of the time since a change whose end is looked at."""
_DEAD_TIME_S = (1.0, 30.0)
_SHARE = 10
"""The shorter stretch holds at least so many dead times."""
_COVERED_S = 60.0


@dataclass(frozen=True)
class Comparison:
    """The errors of a log before and after a change.

    Attributes:
        source: Where the log lies, or whose it is.
        before: Incidents in so many seconds that the log covers.
        after: The same since the change.
        seen: All lines since the change, errors or not.
        errors: The error lines since the change.
        new: Warnings and errors since the change of a kind that did not occur before.
        start: The change, unix seconds.
        end: Until when it was looked at.
        flood: Lines of kinds that did not occur before, where at the end they are most of a log that is twice as loud.
    """

    source: str
    before: Count
    after: Count
    seen: int
    errors: tuple[LogLine, ...]
    new: tuple[LogLine, ...]
    start: float
    end: float
    flood: tuple[LogLine, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether the log covers enough of the time before to compare with."""
        return self.before.of > 0 and self.before.of >= min(_COVERED_S, self.after.of / 4)

    def judged(self, increase: Gate = INCREASE, few: Gate = FEW) -> GateResult:
        """Judge whether there are more errors; pure.

        FAIL when they rose, or when they are surely more than a few and the time before had not half as many. PASS
        when there are none, or they did not rise and may be a few or have at most doubled. What is between is
        INCONCLUSIVE, and so is a log without a line, or errors with nothing to compare them with.

        Args:
            increase: Threshold of the p of either test.
            few: Threshold of the errors a minute that need no excuse.
        """
        if not self.seen:
            told = f"no line of {self.source} in {self.end - self.start:.0f} s: that is no good news"
            return GateResult(increase, Verdict.INCONCLUSIVE, None, 0, told, self.start, self.end)
        before, after, likely = self.before, self.after, Threshold(increase.threshold)
        p = increase_p(before, after) if self.comparable else None
        many = not likely.holds(poisson_tail(after.events, Threshold(few.threshold).limit * after.of / 60))
        rose = p is not None and not likely.holds(p)
        unlike = many and after.rate > TIMES * (before.rate if before.of else 0.0)
        good = not after.events or (self.comparable and (not many or rate_ratio(before, after, 0.05)[1] <= TIMES))
        verdict = Verdict.PASS if good else Verdict.INCONCLUSIVE
        if rose or unlike:
            verdict = Verdict.FAIL
        return GateResult(increase, verdict, p, self.seen, self._told(p, likely, few), self.start, self.end)

    def _told(self, p: float | None, likely: Threshold, few: Gate) -> str:
        told = f"{self.source}: {len(self.errors)} error lines, {self.after.events} incidents in {self.after.of:.0f} s"
        told += f"; a few are {few.threshold} a minute"
        if p is None:
            told += f"; the log covers {self.before.of:.0f} s of the time before: too little to compare with"
        else:
            least = least_seen(self.before, self.after.of, likely.limit)
            told += f"; before {self.before.events} in {self.before.of:.0f} s: p = {p:.3g}, expected {likely.text}"
            told += f"; from {least} on it would be an increase"
        return "; ".join([told, *(line.brief() for line in self.errors[:3])])

    def evidence(self) -> Evidence:
        """Give it for the record."""
        lines = list(dict.fromkeys(line.brief() for line in (*self.errors[:20], *self.new[:20])))
        facts = {"source": self.source, "since": datetime.fromtimestamp(self.start, UTC), "lines": lines}
        return Evidence("log", self.judged().reason.partition("; a few")[0], facts)

    def increase(self) -> list[Finding]:
        """Find an increase of errors.

        Raises:
            Inconclusive: That cannot be told.
        """
        result = self.judged().judged()
        if result.verdict is Verdict.PASS:
            return []
        return [Finding("more errors", self.source, "no more errors in the log than before", result.reason)]

    def louder(self) -> list[Finding]:
        """Find a flood of lines; of use where the change is none of what is logged."""
        if not self.flood:
            return []
        seconds = STRETCH * (self.end - self.start)
        found = f"{len(self.flood) / seconds:.0f} a second of new kinds, such as: {self.flood[-1].brief()}"
        expected = "a log that is not twice as loud as at any time before"
        step = "see whether a service logs for debugging, or in a circle"
        return [Finding("flood of lines", self.source, expected, found, Severity.MEDIUM, step)]

    def new_kinds(self) -> list[Finding]:
        """Find the kinds of warnings and errors that were not there before.

        Raises:
            Inconclusive: There are some, but the log does not cover the time before.
        """
        if self.new and not self.comparable:
            raise Inconclusive(
                f"{self.source}: expected a log that goes back before the change, to tell new errors from old ones; it "
                f"covers {self.before.of:.0f} s of that time, and since then there is: {self.new[0].brief()}; keep the "
                "log over a restart (journald, a file, Loki), or see whether these are known"
            )
        worst = {line.kind: line for line in reversed(self.new)}
        return [
            Finding(
                "new error" if line.is_error else "new warning",
                line.event or line.exception or line.message[:60],
                "no warning or error of a kind that was not there before the change",
                f"{sum(other.kind == kind for other in self.new)} in {self.source}, the first: {line.brief()}",
                Severity.HIGH if line.is_error else Severity.MEDIUM,
            )
            for kind, line in worst.items()
        ]

    def new_errors(self, since: float, told: Callable[[LogLine], bool] = lambda _: False) -> list[Finding]:
        """Find the kinds of errors that were not there before, and that come again; a warning may be new.

        One alone is chance: a rare error of a user is of a kind that an hour of the time before may well lack.

        Args:
            since: From when on they count, unix seconds: what no service can serve, and we asked for before, may be
                told in other words.
            told: Tells the lines that another check judges, such as what a user's own mistake leaves.

        Raises:
            Inconclusive: As for `new_kinds`.
        """
        begin = datetime.fromtimestamp(since, UTC)
        errors = [line for line in self.new if line.is_error and line.since(begin) is not False and not told(line)]
        times = Counter(line.kind for line in errors)
        return replace(self, new=tuple(line for line in errors if times[line.kind] >= AGAIN)).new_kinds()


def compare(
    logs: Logs, change: datetime, now: datetime, *, foreign: Foreign = list, back: datetime | None = None
) -> Comparison:
    """Compare a service's log since a change with the time before it.

    Args:
        logs: Its log.
        change: The moment before anything was changed, aware.
        now: The end, aware.
        foreign: Leaves out the lines of our own requests, which do not count.
        back: When the service was back after it; what it did from then on must stand in the log.

    Raises:
        Inconclusive: The log cannot be read, does not cover the time since the change, or holds lines that cannot be
            placed in time.
    """
    excerpt = logs.read(change - LOOKBACK).sure()
    latest = back + FIRST_LINE if back else change + RESTART
    if excerpt.begin and excerpt.begin > latest:  # guard: log-without-the-time-since-the-restart
        raise Inconclusive(begins_late(logs.source, change, excerpt.begin))
    if "requests" in logs.form.shows and not (excerpt.newest and excerpt.newest >= change):
        raise Inconclusive(
            f"{logs.source}: expected lines since {change:%H:%M:%S}, as requests were sent since, found none; "
            "is this still the log of the running service? Check the *_LOGS key of the target file"
        )
    require_levels(logs.source, excerpt.lines)
    return compared(logs.source, excerpt.lines, _begin(excerpt), change, now, foreign=foreign)


def require_levels(source: str, lines: Sequence[LogLine]) -> None:
    """Refuse a log without readable levels: it would show no error, whatever happens.

    Raises:
        Inconclusive: None of these lines states one.
    """
    if lines and not any(line.level for line in lines):  # guard: log-without-levels
        raise Inconclusive(
            f"{source}: expected lines that state their level, found {len(lines)} without one, such as "
            f"{lines[-1].text[:160]!r}; which of them are errors is not known; name the field by *_LOG_FIELDS, or the "
            "group `level` by *_LOG_PATTERN"
        )


def say_level(figure: str) -> str:
    """Say what declares a level that no table has."""
    if not figure[:1].isalpha():
        return f"name the scheme, numbers={'|'.join(NUMBERS)},"
    return f"say what it means, such as level:error={figure} or level:info={figure},"


def compared(
    source: str, lines: Sequence[LogLine], begin: datetime, change: datetime, now: datetime, *, foreign: Foreign = list
) -> Comparison:
    """Compare the lines before and after a change; pure.

    Args:
        source: Where the log lies, or whose it is.
        lines: All of both stretches.
        begin: From when on the log covers the time.
        change: The moment of the change.
        now: The end.
        foreign: Leaves out the lines of our own requests.

    Raises:
        Inconclusive: A line that looks like trouble has no time, and may be of either side of the change; or a level
            is a number, and it is not known whether it is an error.
    """
    if unsure := [line for line in lines if line.since(change) is None and line.is_warning]:
        raise Inconclusive(without_time(source, change, unsure))
    unknown = (line for line in lines if line.figure and not line.level and line.since(change) is not False)
    if line := next(unknown, None):  # guard: level-of-two-schemes
        raise Inconclusive(
            f"{source}: expected levels in known words, or in numbers of a named scheme, found {line.figure}, of which "
            f"is not known whether it is an error: {line.text[:160]!r}; {say_level(line.figure)} in *_LOG_FIELDS"
        )
    after = [line for line in lines if line.since(change)]
    before = [line for line in lines if not line.since(change)]
    theirs = foreign([line for line in lines if line.is_warning or line.since(change)])  # the rest is not counted
    bad_after = [line for line in theirs if line.is_warning and line.since(change)]
    bad_before = [line for line in theirs if line.is_warning and not line.since(change)]
    seconds = max(0.0, (change - begin).total_seconds()), max(1.0, (now - max(begin, change)).total_seconds())
    dead = min(max(min(seconds) / _SHARE, _DEAD_TIME_S[0]), _DEAD_TIME_S[1])
    known = {line.kind for line in bad_before}
    return Comparison(
        source=source,
        before=Count(incidents(bad_before, dead), seconds[0]),
        after=Count(incidents(bad_after, dead), seconds[1]),
        seen=len(after),
        errors=tuple(line for line in bad_after if line.is_error),
        new=tuple(line for line in bad_after if line.kind not in known),
        start=change.timestamp(),
        end=now.timestamp(),
        flood=tuple(_flood(before, [line for line in theirs if line.since(change)], now, STRETCH * seconds[1])),
    )


def _flood(before: Sequence[LogLine], after: Sequence[LogLine], now: datetime, seconds: float) -> Sequence[LogLine]:
    """Give the lines of new kinds at the end, where they make a log that is much louder than ever before."""
    last = [line for line in after if line.at and line.at >= now - timedelta(seconds=seconds)]
    stretches = Counter(int(line.at.timestamp() // seconds) for line in before if line.at)
    busiest = max(stretches.values(), default=len(last))
    if len(last) <= max(LOUD * seconds, TIMES * busiest):
        return ()
    known = {line.kind for line in before}
    new = [line for line in last if line.kind not in known]
    return new if 2 * len(new) > len(last) else ()


def incidents(lines: Iterable[LogLine], dead_s: float) -> int:
    """Count the errors that come more than a dead time after the start of the last counted one."""
    count, last = 0, -math.inf
    times = [line.at or line.after or line.before for line in lines if line.is_error]
    for at in sorted(each.timestamp() for each in times if each):
        if at >= last + dead_s:
            count, last = count + 1, at
    return count


def _begin(excerpt: Excerpt) -> datetime:
    return max(excerpt.begin or excerpt.start, excerpt.start)
