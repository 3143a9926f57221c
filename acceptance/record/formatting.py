"""Write verdict signs, counts, times, flags, and one sentence for an outcome."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from markupsafe import Markup, escape

from acceptance.checklist import accepts
from acceptance.record.schema import Check, Facts, Line, Record, Rollback, Stage
from acceptance.record.timeline import on
from acceptance.verdict import Outcome, Verdict

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
    lit = (flag for flag, value in record.flags.items() if on(value) and flag not in kept)
    return sorted(flag for flag in lit if not found_off(record, flag))


def flag_state(stage: Stage, record: Record) -> str:
    """Say how the flag of one stage was left."""
    if stage.flag not in record.flags:
        return "not changed"
    if not on(record.flags[stage.flag]) or found_off(record, stage.flag):
        return "off again"
    return "STILL ON" if stage.flag in still_on(record) else "left enabled"


def flag_words(record: Record) -> str:
    """Say how the flags were left: what a change manager asks first."""
    if rollback_failed(record):
        last = "; ".join(found_then(record)) or ", ".join(f"{flag}={value}" for flag, value in record.flags.items())
        return f"Last seen: {last or 'no flag'}."
    if not record.flags:
        return "No flag was changed."
    lit = sorted(flag for flag, value in record.flags.items() if on(value))
    if not lit:
        return "Every flag that was changed is off again."
    how = "STILL ON" if still_on(record) else "left enabled"
    return f"{', '.join(still_on(record) or lit)} {'is' if len(still_on(record) or lit) == 1 else 'are'} {how}."


def tries(record: Record) -> list[Rollback]:
    """Give each rollback once: what failed is tried again at the end of the run, and the last try is what counts."""
    found: list[Rollback] = []
    for each in record.rollbacks:
        again = [place for place, one in enumerate(found) if one.stage == each.stage and one.ok is False]
        if again:
            found[again[-1]] = replace(each, reason=found[again[-1]].reason, triggers=found[again[-1]].triggers)
        else:
            found.append(each)
    return found


def rollback_failed(record: Record) -> bool:
    """Tell whether something could not be undone."""
    return bool(record.rollback_failure) or any(each.ok is False for each in tries(record))


FOUND = "Found now:"
"""Stands above the state in what a rollback that failed says (`acceptance.conduct.undo`)."""


def found_then(record: Record) -> list[str]:
    """Give what was found after a rollback that failed: the flags of this run in the env file, and the services."""
    lines = record.rollback_failure.partition(f"{FOUND}\n")[2].splitlines()
    state = [line.strip() for line in takewhile(lambda line: line.startswith("  "), lines)]
    return [line for line in state if ": " in line or line.partition(" ")[0] in record.flags]


def found_off(record: Record, flag: str) -> bool:
    """Tell whether a flag was found off after a rollback that failed; the log's last word is older than that."""
    return any(line.startswith(f"{flag} is false in ") for line in found_then(record))


def sentence(record: Record) -> str:
    """Say in one sentence what the outcome means for the reader; what must be done at once comes first."""
    if rollback_failed(record):
        return "Act now: the rollback failed. Finish it by hand."
    if still_on(record):
        return "Act now: a flag was left on."
    subject = "The rehearsal passed" if record.facts.mode == "rehearse" else "The deployment stands"
    return {
        Outcome.GO: f"{subject}: everything planned ran and held.",
        Outcome.SURVEY: f"{_surveyed(record)} Nothing was switched, and nothing is accepted by it.",
        Outcome.NO_GO: f"Do not proceed: {_failed(record)}.",
        Outcome.INCONCLUSIVE: f"Not a pass: {missing(record)[0]}.",
        Outcome.INTERRUPTED: "Not finished: what is missing was not proved.",
    }[record.outcome]


def _surveyed(record: Record) -> str:
    return (
        "What was found, worst first." if record.counts.get(Verdict.FAIL) else "Nothing that a survey may ask failed."
    )


def _failed(record: Record) -> str:
    failed = [stage.id for stage in record.stages if stage.verdict is Verdict.FAIL]
    undone = {each.stage for each in record.rollbacks if each.ok}
    back, rest = ([stage for stage in failed if (stage in undone) is is_back] for is_back in (True, False))
    told = [f"stage {', '.join(back)} failed and was rolled back"] if back else []
    told += [f"stage {', '.join(rest)} failed"] if rest else []
    return "; ".join(told) or "something failed"


def missing(record: Record) -> tuple[str, str]:
    """Say what keeps a run in which nothing failed from being a GO, and what to do about it."""
    if record.counts.get(Verdict.INCONCLUSIVE):
        return "something could not be seen", "make visible what could not be seen (see Why), then run it again"
    if record.counts.get(Verdict.NOT_RUN):
        return "a part did not run", "run the whole stage, once nothing named under Why keeps it from running"
    return "something is open", "settle what is named under Why, then run it again"


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
    """Say whose sign-off is missing for which lines: who runs the suite accepts nothing (design, no 11)."""
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


def against_plan(seconds: float | None, planned_minutes: float | None) -> str:
    """Show a duration beside its plan: `22 min of 45 min planned`."""
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
