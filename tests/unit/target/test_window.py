"""The window is Saturday 02:00-06:00 UTC, whatever zone the operator's clock shows."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acceptance.target.parsers import Malformed
from acceptance.target.window import Interval, Window

SATURDAY = datetime(2025, 11, 15, tzinfo=UTC)
OPEN = Interval(SATURDAY.replace(hour=2), SATURDAY.replace(hour=6))
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
BERLIN, NEW_YORK, KIRITIMATI, KABUL = map(
    ZoneInfo, ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kabul"]
)


@pytest.mark.parametrize(
    "now, inside",
    [
        (OPEN.start - timedelta(microseconds=1), False),
        (OPEN.start, True),
        (OPEN.end - timedelta(microseconds=1), True),
        (OPEN.end, False),
        (OPEN.start - timedelta(days=1), False),
        (OPEN.start + timedelta(days=1), False),
    ],
)
def test_edges(now, inside):
    assert Window().current(now) == (OPEN if inside else None)


@pytest.mark.parametrize(
    "local, inside",
    [
        (datetime(2025, 11, 15, 3, tzinfo=BERLIN), True),
        (datetime(2025, 11, 15, 2, 59, tzinfo=BERLIN), False),
        (datetime(2025, 11, 14, 21, tzinfo=NEW_YORK), True),  # still Friday there
        (datetime(2025, 11, 14, 20, 59, tzinfo=NEW_YORK), False),
        (datetime(2025, 11, 15, 2, tzinfo=NEW_YORK), False),  # 02:00 on the wall is 07:00 UTC
        (datetime(2025, 11, 15, 19, 59, tzinfo=KIRITIMATI), True),
        (datetime(2025, 11, 15, 20, tzinfo=KIRITIMATI), False),
        (datetime(2025, 11, 15, 6, 30, tzinfo=KABUL), True),  # +04:30
        (datetime(2025, 11, 15, 6, 29, tzinfo=KABUL), False),
    ],
)
def test_the_operators_zone(local, inside):
    assert Window().current(local) == (OPEN if inside else None)


def test_next_is_never_the_one_that_is_open():
    assert Window().next(OPEN.start - SECOND) == OPEN
    later = Interval(OPEN.start + timedelta(days=7), OPEN.end + timedelta(days=7))
    assert [Window().next(now) for now in (OPEN.start, OPEN.end, OPEN.end + timedelta(days=1))] == [later] * 3


def test_next_across_midnight_and_week():
    """Sunday belongs to the week that ends, in Python as in ISO; the next window is six days on."""
    sunday = datetime(2025, 11, 16, 23, 59, 59, tzinfo=UTC)
    assert Window().next(sunday) == Window().next(sunday + SECOND)
    assert Window().next(sunday).start == datetime(2025, 11, 22, 2, tzinfo=UTC)


def test_next_across_the_year_end():
    assert str(Window().next(datetime(2025, 12, 31, 12, tzinfo=UTC))) == "Sat 2026-01-03 02:00-06:00 UTC"


def test_clocks_set_earlier_in_the_operators_zone_during_the_night_after():
    """Berlin leaves summer time on Sunday 2025-10-26; Saturday's window is 04:00-08:00 there, a week on 03:00."""
    first = Window().next(datetime(2025, 10, 24, 12, tzinfo=BERLIN))
    second = Window().next(first.end.astimezone(BERLIN))
    local = [window.start.astimezone(BERLIN) for window in (first, second)]
    assert [start.hour for start in local] == [4, 3]
    assert second.start - first.start == timedelta(days=7)


class PutBack(tzinfo):
    """A zone that puts its clocks back by an hour at 07:00, from UTC+1 to UTC: 06:30 comes twice."""

    def utcoffset(self, when):
        return timedelta(hours=0 if when.fold else 1)

    def dst(self, when):
        return timedelta()

    def tzname(self, when):
        return None


@pytest.mark.parametrize("fold, inside", [(0, True), (1, False)])
def test_the_hour_that_comes_twice_is_told_apart(fold, inside):
    """First 05:30 UTC with half an hour left, then 06:30 UTC: the window has closed."""
    now = datetime(2025, 11, 15, 6, 30, tzinfo=PutBack(), fold=fold)
    assert (Window().current(now) is not None) is inside
    assert Window().fits(now, 29 * MINUTE, MINUTE) is inside


def test_a_soak_over_a_clock_change_is_measured_in_real_time():
    """New York springs forward on Sunday; the same instant given in either zone fits or does not alike."""
    now = datetime(2026, 3, 7, 5, 0, tzinfo=UTC)
    local = now.astimezone(NEW_YORK)
    for planned, fits in [(40, True), (41, False)]:
        for clock in (now, local):
            assert Window().fits(clock, planned * MINUTE, 20 * MINUTE) is fits


@pytest.mark.parametrize(
    "minutes_before_end, planned, rollback, fits",
    [(65, 45, 20, True), (64, 45, 20, False), (45, 45, 0, True), (240, 241, 0, False), (240, 220, 20, True)],
)
def test_planned_time_and_rollback_must_both_fit(minutes_before_end, planned, rollback, fits):
    now = OPEN.end - minutes_before_end * MINUTE
    assert Window().fits(now, planned * MINUTE, rollback * MINUTE) is fits
    assert (Window().refusal(now, planned * MINUTE, rollback * MINUTE) is None) is fits


def test_a_stage_that_starts_before_the_window_does_not_fit():
    assert not Window().fits(OPEN.start - SECOND, MINUTE, MINUTE)


def test_refusal_outside_tells_now_and_the_next_window_in_utc():
    now = datetime(2025, 11, 14, 20, 30, tzinfo=NEW_YORK)
    refusal = Window().refusal(now, 45 * MINUTE, 20 * MINUTE)
    assert refusal.startswith("it is Sat 2025-11-15 01:30:00 UTC, outside the window")
    assert "the next window is Sat 2025-11-15 02:00-06:00 UTC" in refusal
    assert "--outside-window" in refusal


def test_refusal_inside_tells_what_does_not_fit():
    refusal = Window().refusal(OPEN.end - 30 * MINUTE, 45 * MINUTE, timedelta(minutes=19, seconds=1))
    assert "45 min planned and 20 min for a rollback do not fit before 06:00 UTC, 30 min from now" in refusal
    assert "the next window is Sat 2025-11-22 02:00-06:00 UTC" in refusal


@pytest.mark.parametrize("call", [Window().current, Window().next, lambda now: Window().refusal(now, MINUTE, MINUTE)])
def test_naive_times_raise(call):
    with pytest.raises(ValueError, match="naive time"):
        call(datetime(2025, 11, 15, 3))  # noqa: DTZ001


def test_negative_durations_raise():
    with pytest.raises(ValueError, match="must not be negative"):
        Window().fits(OPEN.start, -MINUTE, MINUTE)


aware = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.one_of(st.timezones(), st.integers(-1439, 1439).map(lambda m: timezone(m * MINUTE))),
)


@given(now=aware)
def test_current_agrees_with_the_wall_clock_of_utc(now):
    utc = now.astimezone(UTC)
    assert (Window().current(now) is not None) is (utc.strftime("%a") == "Sat" and 2 <= utc.hour < 6)


@given(now=aware)
def test_next_is_the_first_saturday_after(now):
    start = Window().next(now).start
    assert timedelta() < start - now <= timedelta(days=7)
    assert (start.strftime("%a %H:%M:%S"), start.utcoffset()) == ("Sat 02:00:00", timedelta())


@pytest.mark.parametrize(
    ("text", "opens", "hours"),
    [
        ("Sat 02:00-06:00", "2025-11-15T02:00", 4),
        ("Tue 22:30-01:30", "2025-11-11T22:30", 3),
        ("Sun 23:00-02:00", "2025-11-16T23:00", 3),  # ends in the next week
    ],
)
def test_window_of_a_target_file(text, opens, hours):
    window, start = Window.parse(text), datetime.fromisoformat(opens).replace(tzinfo=UTC)
    end = start + timedelta(hours=hours)
    assert (str(window), window.current(end - SECOND), window.current(end)) == (text, Interval(start, end), None)
    assert window.next(end) == Interval(start + timedelta(days=7), end + timedelta(days=7))
    assert f"outside the window of {text} UTC" in (window.refusal(end, MINUTE, MINUTE) or "")


@pytest.mark.parametrize("text", ["", "Sat", "Sat 2-6", "Sat 02:00-25:00", "Sa 02:00-06:00", "Sat 02:00-06:00 CET"])
def test_what_is_no_window_is_told(text):
    with pytest.raises(Malformed, match="such as Sat 02:00-06:00"):
        Window.parse(text)
