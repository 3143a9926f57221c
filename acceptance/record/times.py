"""Times and durations: how the record reads them, and how it says them."""

from __future__ import annotations

from datetime import UTC, datetime

from acceptance.record.parts import Facts


def parse(at: object) -> datetime | None:
    """Read a time given as RFC 3339 or as unix seconds; None when it is neither."""
    try:
        if isinstance(at, int | float) and not isinstance(at, bool):
            return datetime.fromtimestamp(at, UTC)
        found = datetime.fromisoformat(str(at))
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def between(start: object, end: object) -> float | None:
    """Seconds from one time to another; None when either is unknown."""
    first, last = parse(start), parse(end)
    return (last - first).total_seconds() if first and last else None


def clock(at: object, reference: object = None) -> str:
    """Show a time as ``02:04:11``, with its date when that is not the reference's."""
    found, base = parse(at), parse(reference)
    if found is None:
        return "unknown"
    return f"{found:%H:%M:%S}" if base and base.date() == found.date() else f"{found:%Y-%m-%d %H:%M:%S}"


def span(start: object, end: object) -> str:
    """Show two times as ``Sat 29 Nov 2025, 02:04–02:26 UTC``."""
    first, last = parse(start), parse(end)
    if not first or not last:
        return "unknown"
    end_text = f"{last:%H:%M}" if last.date() == first.date() else f"{_day(last)}, {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M}–{end_text} UTC"


def day(at: object) -> str:
    """Show the date of a time, ``2025-11-29``."""
    found = parse(at)
    return f"{found:%Y-%m-%d}" if found else "unknown date"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}"


def duration(seconds: float | None) -> str:
    """Show seconds as the checklist does: ``2h 30min``, ``41 min``, or ``12.4 s``."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}min"


def against_plan(seconds: float | None, planned_minutes: float | None) -> str:
    """Show a duration beside its plan: ``22 min of 45 min planned``."""
    if not planned_minutes:
        return f"{duration(seconds)} (no plan given)"
    over = (seconds or 0) / 60 - planned_minutes
    tail = f", {duration(over * 60)} over" if over >= 0.5 else ""
    return f"{duration(seconds)} of {duration(planned_minutes * 60)} planned{tail}"


def window(facts: Facts) -> str:
    """Show the maintenance window, the reason for working outside it, and by how much the run went beyond it."""
    if not facts.window:
        text = "none"
    else:
        text = span(facts.window.get("start"), facts.window.get("end"))
        late = between(facts.window.get("end"), facts.finished_at) or 0
        if late > 0:
            text += f"; the run ended {duration(late)} after it"
    return f"{text}; worked outside it: {facts.outside_window}" if facts.outside_window else text
