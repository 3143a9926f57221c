"""Compare a review by the new path with those by the old one (stage 21_01d)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from acceptance.finding import Finding
from acceptance.probes.likeness import OldPath
from acceptance.probes.reviews.result import Review
from acceptance.probes.reviews.works import NO_LOG
from acceptance.redact import cut

LEAST_OF_REPORT = 4
"""A report in other words may be shorter; one of less than a fourth is no report of the same work."""


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
        return [Finding("review failed", subject, "success, as by the old path", str(new.task))]
    found = OldPath([review.seen for review in succeeded]).unlike(subject, new.seen, old.seen)
    said, says = ((each.answer or {}).get("status") for each in (old, new))
    if new.answer is not None and said != says:
        found.append(Finding("answered otherwise", subject, f"status {said!r}, as by the old path", repr(says)))
    texts = [str((each.report or {}).get("report", "")) for each in (old, new)]
    if len(texts[1]) < len(texts[0]) / LEAST_OF_REPORT:
        expected = f"a report of about {len(texts[0])} characters, as by the old path"
        found.append(Finding("report cut", subject, expected, f"{len(texts[1])} characters: {cut(texts[1], 100)!r}"))
    analysed, now = ((each.report or {}).get("log_analysis") for each in (old, new))
    if analysed != now:
        found.append(Finding("analysed otherwise", subject, f"log_analysis {analysed}, as by the old path", str(now)))
    return found


def unread(reviews: Sequence[Review]) -> list[Finding]:
    """Name the reviews of different logs that say the same of them: a log that nobody reads is not analysed."""
    analysed = [review for review in reviews if review.analysed and review.submitted.work != NO_LOG]
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
