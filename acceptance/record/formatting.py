"""Write verdict signs, counts, times and flags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from acceptance.checklist import accepts
from acceptance.record.schema import Check, Facts, Line, Record, Stage
from acceptance.record.timeline import on
from acceptance.verdict import Verdict

SIGNS = {
    "PASS": "✓",
    "GO": "✓",
    "FAIL": "✕",
    "SURVEY": "i",
    "NO-GO": "✕",
    "INCONCLUSIVE": "?",
    "NOT RUN": "–",
    "SKIPPED": "»",
    "NOT APPLICABLE": "∅",
    "AWAITING": "…",
    "WAIVED": "!",
    "INTERRUPTED": "■",
    "ROLLBACK FAILED": "⚠",
    "REFUSED": "–",
}


def sign(word: object) -> str:
    """Give the sign that stands beside a verdict's word, so that colour is never the only one."""
    return SIGNS.get(str(word), "?")


def shown_verdict(check: Check) -> str:
    """Give the word for a check: one that was skipped for want of a signature, or by a waiver, says so."""
    said = check.reason.partition(" ")[0]
    return said if check.verdict is Verdict.SKIPPED and said in ("AWAITING", "WAIVED") else check.verdict.value


def heading(stage: Stage) -> str:
    """Name a stage as the checklist does: `Stage 21_01c: Storage Abstraction`."""
    if not stage.id[:1].isdigit():
        return stage.title or pretty(stage.id)
    return f"Stage {stage.id}: {stage.title}" if stage.title else f"Stage {stage.id}"


def tally(counts: Mapping[str, int]) -> str:
    """Show counts as `39 passed, 1 failed, 9 not run`."""
    names = {"PASS": "passed", "FAIL": "failed"}
    return ", ".join(f"{count:,} {names.get(word, word.lower())}" for word, count in counts.items()) or "no checks"


def counted(checks: Iterable[Check], stage: str | None = None, phase: str | None = None) -> str:
    """Show how many checks of a stage and phase ended how; one that awaits a signature was not just skipped."""
    found = Counter(
        shown_verdict(each) for each in checks if stage in (None, each.stage) and phase in (None, each.phase)
    )
    return tally({word: found[word] for word in (*Verdict, "AWAITING", "WAIVED") if found[word]})


def code(text: str) -> Markup:
    """Escape a line of the checklist and set what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just above


def stop(text: str) -> str:
    """End a sentence of the log with one full stop."""
    return text if text.rstrip().endswith((".", "!", "?", ":")) else f"{text.rstrip()}."


def short(text: str) -> str:
    """Shorten what a computer writes for a number, such as 0.06666666666666667."""
    return re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.4g}", text)


def begin(text: str) -> str:
    """Begin a sentence of the log with a capital, unless its first word is a name with signs in it."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.rstrip(",:").isalpha() else text


def pretty(name: str) -> str:
    """Show a phase or kind in words: `flag_off` as `Flag off`."""
    words = name.replace("_", " ").strip() or "no phase"
    return {"preflight": "Pre-flight"}.get(words, words[:1].upper() + words[1:])


def still_on(record: Record) -> list[str]:
    """Name the flags that are on although their stage did not pass with the flag left enabled."""
    kept = {stage.flag for stage in record.stages if stage.kept and stage.verdict is Verdict.PASS}
    return sorted(flag for flag, value in record.flags.items() if on(value) and flag not in kept)


def flag_state(stage: Stage, record: Record) -> str:
    """Say how the flag of one stage was left."""
    if stage.flag not in record.flags:
        return "not changed"
    if not on(record.flags[stage.flag]):
        return "last seen off" if record.rollback_failed else "off again"
    return "STILL ON" if stage.flag in still_on(record) else "left enabled"


def flag_words(record: Record) -> str:
    """Say how the flags were left: what a change manager asks first."""
    if record.rollback_failed:
        last = "; ".join(found_then(record)) or ", ".join(f"{flag}={value}" for flag, value in record.flags.items())
        return f"Last seen: {last or 'no flag'}."
    if not record.flags:
        return "No flag was changed."
    lit = sorted(flag for flag, value in record.flags.items() if on(value))
    if not lit:
        return "Every flag that was changed is off again."
    how = "STILL ON" if still_on(record) else "left enabled"
    return f"{', '.join(still_on(record) or lit)} {'is' if len(still_on(record) or lit) == 1 else 'are'} {how}."


def found_then(record: Record) -> list[str]:
    """Give what was found after the last rollback that failed: the services, and of the flags those of this run."""
    failed = sorted((each for each in record.tries if each.ok is False), key=lambda each: each.at)
    state = failed[-1].state_found if failed else ()
    return [line for line in state if ": " in line or line.partition(" ")[0] in record.flags]


def shorten(text: object, limit: int = 4000) -> str:
    """Cut a long text; the whole is in record.json."""
    whole = text if isinstance(text, str) else str(text)
    if len(whole) <= limit:
        return whole
    return f"{whole[:limit]}\n… {len(whole) - limit:,} more characters in record.json"


def brief(text: object, limit: int = 220) -> str:
    """Cut a text for the first screen, between words where it has some; the whole stands further down."""
    whole = " ".join(str(text).split())
    if len(whole) <= limit:
        return whole
    head, _, rest = whole[:limit].rpartition(" ")
    return f"{head if len(head) > limit // 2 else head + ' ' + rest} …"


def awaited(record: Record) -> list[tuple[str, list[Line]]]:
    """Group the lines without a sign-off by who may sign: the operator accepts nothing (design, no 11)."""
    operator = record.facts.operator or "the operator"
    found = [
        (f"From {operator}, or another who saw it", [line for line in record.awaiting if not accepts(line.id)]),
        (f"From somebody other than {operator}", [line for line in record.awaiting if accepts(line.id)]),
    ]
    return [(who, lines) for who, lines in found if lines]


def awaited_words(record: Record) -> str:
    """Count the missing sign-offs for the banner; empty when none is."""
    count = len(record.awaiting)
    return f" {count} sign-off{'' if count == 1 else 's'} awaited." if count else ""


def host_of(facts: Facts) -> str:
    """Name the target: its own name and its kind, once when they are the same."""
    name: Any = facts.target.get("name") or facts.target.get("TARGET_NAME") or facts.target_kind or "unknown"
    return str(name) if name == facts.target_kind or not facts.target_kind else f"{name} ({facts.target_kind})"


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
    """Show a time as `02:04:11`, with its date when that is not the reference's."""
    found, base = parse(at), parse(reference)
    if found is None:
        return "unknown"
    return f"{found:%H:%M:%S}" if base and base.date() == found.date() else f"{found:%Y-%m-%d %H:%M:%S}"


def span(start: object, end: object) -> str:
    """Show two times as `Sat 29 Nov 2025, 02:04–02:26 UTC`."""
    first, last = parse(start), parse(end)
    if not first or not last:
        return "unknown"
    end_text = f"{last:%H:%M}" if last.date() == first.date() else f"{_day(last)}, {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M}–{end_text} UTC"


def day(at: object) -> str:
    """Show the date of a time, `2025-11-29`."""
    found = parse(at)
    return f"{found:%Y-%m-%d}" if found else "unknown date"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}"


def duration(seconds: float | None) -> str:
    """Show seconds as the checklist does: `2h 30min`, `41 min`, or `12.4 s`."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}min"


def against_plan(seconds: float | None, planned_minutes: float | None, facts: Facts) -> str:
    """Show a duration beside its plan: `22 min of 45 min planned`; a survey and a shortened soak keep none."""
    if facts.mode == "survey" or facts.target.get("soak_seconds"):
        return duration(seconds)
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
