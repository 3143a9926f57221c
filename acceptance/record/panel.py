"""Write the closing panel: how a run ended, for the person at the terminal. Pure.

A rollback that failed is said last and loudest, with the commands to finish it by hand, and nothing follows it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acceptance.record.delays import delay_of
from acceptance.record.first_screen import causes, next_step
from acceptance.record.schema import Record, Rollback
from acceptance.record.signoffs import covered
from acceptance.verdict import ExitCode, Outcome

Mark = Literal["", "good", "bad", "warn", "loud"]
MOST_REASONS = 5
_LABEL = 14


@dataclass(frozen=True)
class Row:
    """One line of the panel; a `title` is shown across the whole width."""

    text: str
    mark: Mark = ""
    title: bool = False


StateNow = Callable[[str], Sequence[str]]
"""Gives the state of a stage's flag and service as seen now, one line each."""

_WORDS: dict[Outcome, tuple[str, Mark]] = {
    Outcome.GO: ("GO", "good"),
    Outcome.SURVEY: ("SURVEY: what was found, worst first; nothing was accepted", "warn"),
    Outcome.NO_GO: ("NO-GO: something is broken", "bad"),
    Outcome.INCONCLUSIVE: ("INCONCLUSIVE: not everything could be seen", "warn"),
    Outcome.INTERRUPTED: ("INTERRUPTED: ended before its time", "warn"),
}


def panel(record: Record, page: Path, exit_code: int, width: int, state_now: StateNow, recover: str) -> Iterator[Row]:
    """Give the panel's lines.

    Args:
        record: The run's record.
        page: The record's page, as the reader would name it.
        exit_code: The run's.
        width: Columns; only commands and paths, which are copied, may be longer.
        state_now: See `StateNow`; asked only for a stage whose rollback failed.
        recover: The command that undoes what is open on this target.
    """
    words, mark = _headline(record, exit_code)
    yield Row(words, mark, title=True)
    if words.startswith("GO"):
        yield from _wrapped("checklist", covered(record.lines, [stage.id for stage in record.stages]), width, mark)
    failed = [done for done in record.tries if done.ok is False]
    if record.facts.run_id or exit_code not in (ExitCode.REFUSED, ExitCode.RECOVERY_NEEDED):  # that is said above it
        yield from _reasons(record, mark, width, alarm=bool(failed))
    for done in record.rolled_back:
        if done.ok is not False:
            yield from _wrapped("rolled back", _told(done), width)
    for moment in record.timeline:
        if moment.kind == "recovery.undone" and f"run {record.facts.run_id} " not in moment.text:
            yield from _wrapped("undone first", moment.text, width, "warn")
    if not failed:  # else the alarm says how the flag stands, looked at now
        flags = ", ".join(f"{flag}={value}" for flag, value in record.flags.items())
        yield from _wrapped("flags now", flags or "none was changed", width)
    if record.awaiting:
        yield from _wrapped("sign-offs", f"{len(record.awaiting)} AWAITING: {_awaited(record)}", width, "warn")
    if delay := delay_of(record):
        yield from _wrapped("delay", f"{delay}; the notice to send is delay.txt, beside the record", width, "warn")
    yield Row(f"{'record':<{_LABEL}}{page}")
    yield from _wrapped("next", step := next_step(record, exit_code), width)
    if step.endswith(":"):  # its command follows
        yield Row(f"  {recover}")
    for done in failed:  # guard: rollback-failed-comes-last-as-an-alarm
        yield from _alarm(done, width, state_now)
    if exit_code == ExitCode.ROLLBACK_FAILED and not failed:
        yield Row("ROLLBACK FAILED", "loud", title=True)
        yield from _wrapped("tried", record.reasons[0], width, "bad")
        yield Row("DO NOW:", "loud")
        yield Row(f"  {recover}", "loud")


def _headline(record: Record, exit_code: int) -> tuple[str, Mark]:
    if exit_code == ExitCode.RECOVERY_NEEDED:
        return "REFUSED: what an earlier run left must be undone first", "bad"
    if exit_code == ExitCode.REFUSED and not record.facts.run_id:
        return "REFUSED: the run did not begin, nothing was changed", "warn"
    if exit_code == ExitCode.ROLLBACK_FAILED:
        return f"NO-GO: a rollback failed (exit {exit_code})", "bad"
    words, mark = _WORDS[record.outcome]
    if record.outcome is Outcome.GO:
        words = "GO" if record.facts.mode == "deploy" else "GO, as a rehearsal"
    return f"{words} (exit {exit_code})", mark


def _reasons(record: Record, mark: Mark, width: int, *, alarm: bool) -> Iterator[Row]:
    """Give the most important reasons; what an alarm below will say of a rollback is left to it."""
    reasons = [] if record.outcome is Outcome.GO else causes(record)
    if alarm:
        reasons = [reason for reason in reasons if not reason.startswith(tuple(record.flags))]
    most = len(reasons) if record.outcome is Outcome.SURVEY else MOST_REASONS
    for number, reason in enumerate(reasons[:most]):
        said = _shortened(reason, 3 * (width - _LABEL - 2))
        yield from _wrapped("" if number else "why", f"- {said}", width, mark)
    if (more := len(reasons) - most) > 0:
        yield from _wrapped("", f"and {more} more: see the record", width, mark)


def _alarm(failed: Rollback, width: int, state_now: StateNow) -> Iterator[Row]:
    yield Row(f"ROLLBACK FAILED: STAGE {failed.stage} IS HALF-SWITCHED", "loud", title=True)
    yield from _wrapped("why", f"rolled back because: {failed.reason}", width, "bad")
    yield from _wrapped("tried", failed.account, width, "bad")
    # guard: state-is-seen-at-the-end-at-the-terminal
    for line in state_now(failed.stage) or ["the state of flag and service could not be seen"]:
        yield from _wrapped("now", line, width, "bad")
    yield Row("DO NOW, BY HAND:", "loud")
    for command in failed.by_hand:  # guard: commands-are-the-terminals-last-lines
        yield Row(f"  {command}", "bad")


def _told(done: Rollback) -> str:
    if done.ok is None:
        return f"{done.stage}: begun, its end is not known ({done.reason})"
    took = "" if done.seconds is None else f", {done.seconds:.1f} s"
    return f"{done.stage}{took}: {done.account}"


def _awaited(record: Record) -> str:
    names = [line.id for line in record.awaiting]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shortened(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _wrapped(label: str, text: str, width: int, mark: Mark = "") -> Iterator[Row]:
    """Give a labelled text in lines that fit, long node ids and paths broken where they must be."""
    lines = textwrap.wrap(text, width - _LABEL) or [""]
    for number, line in enumerate(lines):
        yield Row(f"{label if number == 0 else '':<{_LABEL}}{line}", mark)
