"""Compare a review by the new path with those by the old one (stage 21_01d)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

from acceptance.finding import Finding, Severity
from acceptance.probes.answers import other_form
from acceptance.probes.http.client import brief
from acceptance.probes.likeness import OldPath
from acceptance.probes.reviews.result import Review
from acceptance.probes.reviews.works import WORKS
from acceptance.redact import cut

LEAST_OF_IDS = 3
"""Of fewer ids some places are the same by chance."""
LEAST_OF_REPORT = 4
"""A report in other words may be shorter; one of less than a fourth is no report of the same work."""

EARLY_S = 0.5
"""So many seconds between a task's success and its report being published are no chance of two writes in a row."""


def changed(before: Sequence[Review], new: Review) -> list[Finding]:
    """Name how a review differs from those by the old path: its log analysis, and what is stored, answered and logged.

    A log is counted by rules, so what was counted must be the same; a text may be put in other words.

    Args:
        before: Reviews by the old path.
        new: One by the new path.
    """
    subject, succeeded = new.submitted.task_id, [review for review in before if review.succeeded]
    old = next((review for review in succeeded if review.submitted.work == new.submitted.work), None)
    if old is None:
        return []
    if not new.succeeded:
        sent = new.submitted
        subject, told = subject or sent.student_id, str(new.task or brief(sent.exchange))
        return [Finding("review failed", subject, f"success of {sent.work}, as by the old path", told)]
    return [
        *OldPath([review.seen for review in succeeded]).unlike(subject, new.seen, old.seen),
        *_answered_otherwise(subject, old, new),
        *other_form([review.submitted.exchange for review in succeeded], [new.submitted.exchange]),
        *other_form([each.asked for each in succeeded if each.asked], [new.asked] if new.asked else []),
        *_stored_otherwise(subject, old, new),
        *_miscounted(subject, succeeded, new),
        *_unnamed(subject, succeeded, new),
        *_internals(subject, succeeded, new),
        *_files_gone(subject, succeeded, new),
        *_analysed_otherwise(subject, old, new),
    ]


def _answered_otherwise(subject: str, old: Review, new: Review) -> Iterator[Finding]:
    """Compare the status that the API tells; nothing where nobody asked for it."""
    was, now = ((each.answer or {}).get("status") for each in (old, new))
    if new.answer is not None and was != now:
        yield Finding("answered otherwise", subject, f"status {was!r}, as by the old path", repr(now))


def _stored_otherwise(subject: str, old: Review, new: Review) -> Iterator[Finding]:
    """Compare the kind of the task, and the length of the report."""
    was, now = ((each.task or {}).get("task_type") for each in (old, new))
    if was != now:
        yield Finding("other task", subject, f"task_type {was!r}, as by the old path", repr(now))
    old_text, new_text = _text(old), _text(new)
    if len(new_text) < len(old_text) / LEAST_OF_REPORT:
        expected = f"a report of about {len(old_text)} characters, as by the old path"
        yield Finding("report cut", subject, expected, f"{len(new_text)} characters: {cut(new_text, 100)!r}")


def _analysed_otherwise(subject: str, old: Review, new: Review) -> Iterator[Finding]:
    was, now = ((each.report or {}).get("log_analysis") for each in (old, new))
    if was != now:
        yield Finding("analysed otherwise", subject, f"log_analysis {was}, as by the old path", str(now))


def _miscounted(subject: str, before: Sequence[Review], new: Review) -> list[Finding]:
    """Name the counts of the log analysis that stand in each report by the old path, and not in this one."""
    analysed = [review for review in before if review.analysed]
    counts = _counts(new)
    told = [name for name in counts if analysed and all(_tells(review, name) for review in analysed)]
    return [
        _otherwise(subject, f"{counts[name]} {name} in the report, as it tells by the old path", new)
        for name in told
        if not _tells(new, name)
    ]


def _unnamed(subject: str, before: Sequence[Review], new: Review) -> list[Finding]:
    """Say that a report does not name its commit, which each by the old path does."""

    def names_it(review: Review) -> bool:
        commit = review.submitted.new_commit
        return bool(commit) and commit in _text(review)

    if names_it(new) or not (before and all(map(names_it, before))):
        return []
    expected = f"a report that names the commit {new.submitted.new_commit}, as those by the old path do"
    return [_otherwise(subject, expected, new)]


def _otherwise(subject: str, expected: str, new: Review) -> Finding:
    return Finding("told otherwise", subject, expected, cut(_text(new), 200))


def _internals(subject: str, before: Sequence[Review], new: Review) -> list[Finding]:
    """Name the folder of its archives where a report tells it, unless reports by the old path do so too."""
    told = _places_told(new)
    if not told or any(map(_places_told, before)):
        return []
    expected = "a report that does not tell where its archives lie, as by the old path"
    return [Finding("internals told", subject, expected, told[0], Severity.HIGH)]


def _places_told(review: Review) -> list[str]:
    text, places = _text(review), (str(Path(file).parent) for file in _files(review))
    return [place for place in places if place != "/" and place in text]


def _files(review: Review) -> list[str]:
    """Give the files that a task names: its archives."""
    stored = [value for path, values in review.seen.values.items() if path.startswith("task.") for value in values]
    return [value for value in stored if isinstance(value, str) and value.startswith("/")]


def _is_there(file: str) -> bool:
    with suppress(OSError):  # such as a folder that we may not enter
        return Path(file).exists()
    return False


def _files_gone(subject: str, before: Sequence[Review], new: Review) -> list[Finding]:
    """Name an archive that is gone once it is reviewed, unless those of reviews by the old path are gone too."""
    old = [file for each in before for file in _files(each)]
    gone = [each for each in _files(new) if not _is_there(each)]
    if not gone or not (old and all(map(_is_there, old))):
        return []
    expected = f"{gone[0]}, which the task names, there after its review as by the old path"
    return [Finding("archive lost", subject, expected, "no such file", Severity.CRITICAL)]


def _text(review: Review) -> str:
    return str((review.report or {}).get("report", ""))


def _counts(review: Review) -> Mapping[str, int]:
    analysis = (review.report or {}).get("log_analysis")
    fields = analysis.items() if isinstance(analysis, Mapping) else ()
    return {name: value for name, value in fields if type(value) is int and value}  # 0 may be told as "no"


def _tells(review: Review, name: str) -> bool:
    """Tell whether a report's text holds a count of its log analysis beside the count's name, such as `3 lines`."""
    value, text = _counts(review).get(name), _text(review)
    word = re.escape(name.rstrip("s"))
    return value is None or bool(re.search(rf"\b{value}\W+{word}|{word}\w*\W+{value}\b", text, re.IGNORECASE))


def refused_now(reviews: Sequence[Review]) -> list[Finding]:
    """Name the submissions that a rate limit refuses, of as many of one student as the old path took all."""
    refused = [review for review in reviews if review.limited]
    expected = f"{len(reviews)} submissions in a row taken, as by the old path"
    student = refused[0].submitted.student_id if refused else ""
    return [Finding("refused by a limit", student, expected, f"{len(refused)} refused")] if refused else []


def overtaken(before: Sequence[Review], now: Sequence[Review]) -> list[Finding]:
    """Say that a later submission was begun before an earlier one, which the old path never does.

    One pair may change places by chance: two processes may take the two at the same moment.
    """
    pairs = [pair for pair in combinations(now, 2) if _is_overtaken(*pair)]
    if len(pairs) < 2 or any(_is_overtaken(*pair) for pair in combinations(before, 2)):
        return []
    expected = "submissions of a student begun in the order in which they were sent, as by the old path"
    told = f"{len(pairs)} of {len(now) * (len(now) - 1) // 2} pairs begun the other way round"
    return [Finding("other order", pairs[0][0].submitted.task_id, expected, told)]


def _is_overtaken(first: Review, second: Review) -> bool:
    return first.begun is not None and second.begun is not None and first.begun > second.begun


def told_early(before: Sequence[Review], now: Sequence[Review]) -> list[Finding]:
    """Say that reviews are told to have succeeded well before they are published, which none by the old path is.

    One may be by chance, where a path publishes at the same moment as it ends, and its database has a slow one.
    """
    longest = max((each.unpublished_s for each in before), default=0.0)
    early = [each for each in now if each.unpublished_s > max(EARLY_S, 2 * longest)]
    if len(early) < 2:
        return []
    expected = f"a report published when its task has succeeded, or {longest:.1f} s later, as by the old path"
    told = f"none after {early[0].unpublished_s:.1f} s, and {len(early)} such reviews of {len(now)}"
    return [Finding("told too early", early[0].submitted.task_id, expected, told)]


def redone(before: Sequence[Review], now: Sequence[Review]) -> list[Finding]:
    """Name the reviews that had ended and have another end now: a starting process must not do them again.

    Args:
        before: Reviews by the old path.
        now: The same, as they are stored now.
    """
    found = []
    for old, new in zip(before, now, strict=True):
        ends = _end_of(new)
        for name, was in _end_of(old).items():
            if old.ended and ends[name] != was:
                expected = f"{name} {cut(str(was), 100)}, as it had ended"
                found.append(Finding("done again", old.submitted.task_id, expected, cut(str(ends[name]), 100)))
    return found


def _end_of(review: Review) -> Mapping[str, Any]:
    parts = ((review.task, ("status", "finished_at")), (review.report, ("report", "published_at")))
    return {name: (part or {}).get(name) for part, names in parts for name in names}


def guessable(before: Sequence[Review], now: Sequence[Review]) -> list[Finding]:
    """Say that tasks' ids have become easier to guess: whoever knows an id may read its task.

    Ids that begin with the time, such as UUIDv7 and ULID, still differ in most places.
    """
    old, new = (_varied([each.submitted.task_id for each in reviews]) for reviews in (before, now))
    if new * 2 >= old or len(now) < LEAST_OF_IDS:
        return []
    ids = ", ".join(each.submitted.task_id for each in now[:3])
    expected = f"ids of tasks that differ in {old} places, as by the old path"
    return [Finding("easy to guess", "task_id", expected, f"{new} places: {ids}", Severity.HIGH)]


def _varied(ids: Sequence[str]) -> int:
    """Count the places in which ids differ from each other."""
    return sum(len({*place}) > 1 for place in zip_longest(*ids))


def unread(reviews: Sequence[Review]) -> list[Finding]:
    """Name the reviews of different logs that say the same of them: a log that nobody reads is not analysed."""
    analysed = [review for review in reviews if review.analysed and WORKS.get(review.submitted.work, True)]
    return [
        Finding(
            "log not read",
            other.submitted.task_id,
            f"another log_analysis of {other.submitted.work} than of {one.submitted.work}",
            str((other.report or {}).get("log_analysis")),
        )
        for one, other in combinations(analysed, 2)
        if one.submitted.work != other.submitted.work
        and (one.report or {}).get("log_analysis") == (other.report or {}).get("log_analysis")
    ]
