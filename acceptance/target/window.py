"""Compute a target's maintenance window, by default Saturday 02:00-06:00 UTC (checklist "Schedule", pre.planning.1).

Pure: every function takes the time that it judges, so that a clock can be frozen and nothing is judged twice by two
clocks. The window is UTC's: the operator's own zone, and its clock changes, only show in `now`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from acceptance.target.parsers import Malformed

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EXPECTED = "a day and two times in UTC, such as Sat 02:00-06:00; an end before the start is on the next day"
_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True)
class Interval:
    """A span of time in UTC: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%a %Y-%m-%d %H:%M}-{self.end:%H:%M} UTC"


@dataclass(frozen=True)
class Window:
    """A span of each week. All times are aware; a naive one raises ValueError.

    Attributes:
        day: Of the week on which it opens, Monday is 0.
        opens: Time of day, UTC.
        length: Less than a week.
    """

    day: int = 5
    opens: time = time(2, tzinfo=UTC)
    length: timedelta = timedelta(hours=4)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read a window as it stands in a target file.

        Raises:
            Malformed: It is none.
        """
        found = re.fullmatch(rf"({'|'.join(DAYS)}) (\d\d:\d\d)-(\d\d:\d\d)", text)
        try:
            day, *times = found.groups() if found else ("",)
            start, end = (datetime.strptime(each, "%H:%M").replace(tzinfo=UTC) for each in times)
        except ValueError:
            raise Malformed(_EXPECTED) from None
        return cls(DAYS.index(day), start.timetz(), (end - start) % _DAY or _DAY)

    def __str__(self) -> str:
        end = self._from(datetime.combine(date(2000, 1, 1), self.opens)).end
        return f"{DAYS[self.day]} {self.opens:%H:%M}-{end:%H:%M}"

    def current(self, now: datetime) -> Interval | None:
        """Return the window that `now` is in, or None."""
        this = self._of_week(now)
        last = self._from(this.start - _WEEK)  # a window that opens on Sunday may end on Monday
        return next((window for window in (this, last) if window.start <= now < window.end), None)

    def next(self, now: datetime) -> Interval:
        """Return the first window that opens after `now`."""
        window = self._of_week(now)
        return window if now < window.start else self._from(window.start + _WEEK)

    def fits(self, now: datetime, planned: timedelta, rollback: timedelta) -> bool:
        """Tell whether a stage begun at `now` may run its planned time and then still roll back in the window.

        Args:
            now: When the stage would begin.
            planned: Its planned time, soak included.
            rollback: The time its rollback may take.

        Raises:
            ValueError: A duration is negative, or `now` is naive.
        """
        if planned < timedelta() or rollback < timedelta():  # guard: a-negative-duration-does-not-fit
            raise ValueError(f"durations must not be negative: planned {planned}, rollback {rollback}")
        window = self.current(now)
        return window is not None and planned + rollback <= window.end - now

    def refusal(self, now: datetime, planned: timedelta, rollback: timedelta) -> str | None:
        """Return why a stage may not begin at `now`, in words with times in UTC, or None when it may."""
        if self.fits(now, planned, rollback):
            return None
        at = f"{now.astimezone(UTC):%a %Y-%m-%d %H:%M:%S} UTC"
        window = self.current(now)
        if window is None:
            reason = f"it is {at}, outside the window of {self} UTC"
        else:
            left = int((window.end - now).total_seconds() // 60)
            needed = f"{_minutes(planned)} planned and {_minutes(rollback)} for a rollback"
            reason = f"it is {at}; {needed} do not fit before {window.end:%H:%M} UTC, {left} min from now"
        remedy = 'wait for it, or give --outside-window "reason"'
        return f"{reason}; the next window is {self.next(now)}; {remedy}"

    def _of_week(self, now: datetime) -> Interval:
        """Return the window of the week, Monday to Sunday UTC, that `now` is in."""
        if now.utcoffset() is None:  # guard: naive-time
            raise ValueError(f"naive time {now}: the window needs a time with its zone, such as datetime.now(UTC)")
        day = now.astimezone(UTC).date()
        return self._from(datetime.combine(day + timedelta(days=self.day - day.weekday()), self.opens))

    def _from(self, start: datetime) -> Interval:
        return Interval(start, start + self.length)


def _minutes(duration: timedelta) -> str:
    return f"{-(-duration // timedelta(minutes=1))} min"
