"""Send the synthetic traffic of stage 21_01b: lists over many students, reviews of test students' commits."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import httpx

from acceptance.finding import Finding
from acceptance.probes.homework.hw_checker import DAYS, Check, HwChecker
from acceptance.probes.homework.worker import Homework, Listing
from acceptance.verdict import Inconclusive

MOST_STUDENTS = 50


def reviewable(checks: Sequence[Check], *students: str) -> list[Check]:
    """Give the newest check of each commit of these students, newest first.

    Raises:
        Inconclusive: The checker knows none.
    """
    newest: dict[tuple[str, str], Check] = {}
    for check in sorted(checks, key=lambda check: check.enqueued_at, reverse=True):
        if check.student_id in students:
            newest.setdefault((check.student_id, check.commit_hash), check)
    if not newest:
        raise Inconclusive(
            f"the HW checker knows no commit of {' or '.join(students)} in {DAYS} days: submit one, then run this again"
        )
    return list(newest.values())


@dataclass
class HomeworkTraffic:
    """Alternates a list and a request.

    Attributes:
        homework: The worker.
        checker: Where a request must appear.
        students: Names of those whose commits may be reviewed again, being nobody's; a name may end with a `*`.
        patience_s: Within how many seconds.
        forms: By which of `FORMS` the old path listed the checker's checks with their times. Where several fit, no
            commit had been checked twice: a list may then be of any of them.
        missing: How many accepted requests in a row did not appear.
        bad_lists: How many lists in a row were not whole.
    """

    homework: Homework
    checker: HwChecker
    students: Sequence[str]
    patience_s: float
    forms: Collection[str] = ()
    missing: int = 0
    bad_lists: int = 0
    _sent: Iterator[int] = field(default_factory=itertools.count)
    _checks: Sequence[Check] = field(init=False)
    _students: Iterator[str] = field(init=False)
    _commits: Iterator[Check] = field(init=False)
    _given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._checks = self.checker.checks(DAYS + 1)
        all_students = sorted({check.student_id for check in self._checks})
        self._students = itertools.cycle(all_students[:MOST_STUDENTS])
        ours = [one for one in all_students if any(fnmatchcase(one, name) for name in self.students)]
        self._commits = itertools.cycle(reviewable(self._checks, *(ours or self.students)))

    def send(self) -> list[Finding]:
        """Send the next request; gives what was wrong with its answer or effect.

        Raises:
            Inconclusive: The checker cannot be asked.
        """
        if next(self._sent) % 2:
            check = self.checker.now(next(self._commits))
            if check.idle:  # one under way is not asked for again: the checker is not ours to load
                return self._review(check)
        return self._list(next(self._students))

    def _list(self, student_id: str) -> list[Finding]:
        listing = self.homework.listing(student_id)
        found = listing.findings()
        if not found and self._wrong(listing):
            self._checks = self.checker.checks(DAYS + 1)  # somebody may have submitted since
            found = self._wrong(listing)
        self.bad_lists = self.bad_lists + 1 if found else 0
        return found

    def _wrong(self, listing: Listing) -> list[Finding]:
        unlike = [listing.unlike(self._checks, form) for form in self.forms]
        return min(unlike, key=len, default=[]) or [*listing.lost(self._checks), *listing.foreign(self._checks)]

    def _review(self, check: Check) -> list[Finding]:
        done = self.homework.request_review(self.checker, check, self.patience_s)
        found = done.findings()
        self._checks = [done.after if _commit(each) == _commit(check) else each for each in self._checks]
        if done.exchange.status == httpx.codes.ACCEPTED:
            self.missing = 0 if done.submitted else self.missing + 1
            other = self._given.setdefault(done.review_id, check.commit_hash)
            if other != check.commit_hash:
                expected = f"a review_id of its own for commit {check.commit_hash}"
                found.append(Finding("shared review", done.review_id, expected, f"the one of commit {other}"))
        return found


def _commit(check: Check) -> tuple[str, str]:
    return check.student_id, check.commit_hash
