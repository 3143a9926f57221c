"""Compute the maintenance window, Saturday 02:00-06:00 UTC (checklist "Schedule", pre.planning.1). Pure.

Every function takes the time that it judges, so that a clock can be frozen and nothing is judged twice by
two clocks. The window is UTC's: the operator's own zone, and its clock changes, only show in `now`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_SATURDAY = 5
_OPENS = time(2, tzinfo=UTC)
_LENGTH = timedelta(hours=4)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Interval:
    """A span of time in UTC: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%a %Y-%m-%d %H:%M}-{self.end:%H:%M} UTC"


class Window:
    """Saturday 02:00-06:00 UTC. All times are aware; a naive one raises ValueError."""

    @staticmethod
    def current(now: datetime) -> Interval | None:
        """Return the window that `now` is in, or None."""
        window = _of_week(now)
        return window if window.start <= now < window.end else None

    @staticmethod
    def next(now: datetime) -> Interval:
        """Return the first window that opens after `now`."""
        window = _of_week(now)
        return window if now < window.start else _from(window.start + _WEEK)

    @staticmethod
    def fits(now: datetime, planned: timedelta, rollback: timedelta) -> bool:
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
        window = Window.current(now)
        return window is not None and planned + rollback <= window.end - now

    @staticmethod
    def refusal(now: datetime, planned: timedelta, rollback: timedelta) -> str | None:
        """Return why a stage may not begin at `now`, in words with times in UTC, or None when it may."""
        if Window.fits(now, planned, rollback):
            return None
        at = f"{now.astimezone(UTC):%a %Y-%m-%d %H:%M:%S} UTC"
        window = Window.current(now)
        if window is None:
            reason = f"it is {at}, outside the window of Saturday 02:00-06:00 UTC"
        else:
            left = int((window.end - now).total_seconds() // 60)
            needed = f"{_minutes(planned)} planned and {_minutes(rollback)} for a rollback"
            reason = f"it is {at}; {needed} do not fit before {window.end:%H:%M} UTC, {left} min from now"
        remedy = 'wait for it, or give --outside-window "reason"'
        return f"{reason}; the next window is {Window.next(now)}; {remedy}"


def _of_week(now: datetime) -> Interval:
    """Return the window of the week, Monday to Sunday UTC, that `now` is in."""
    if now.utcoffset() is None:  # guard: naive-time
        raise ValueError(f"naive time {now}: the window needs a time with its zone, such as datetime.now(UTC)")
    day = now.astimezone(UTC).date()
    return _from(datetime.combine(day + timedelta(days=_SATURDAY - day.weekday()), _OPENS))


def _from(start: datetime) -> Interval:
    return Interval(start, start + _LENGTH)


def _minutes(duration: timedelta) -> str:
    return f"{-(-duration // timedelta(minutes=1))} min"
