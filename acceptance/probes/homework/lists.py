"""Compare the worker's lists by the old path and by the new one: same students, same spans, same order.

What the HW checker knows says which commits a list must hold; only the old path says how often and in which order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from acceptance.finding import Finding
from acceptance.probes.homework.hw_checker import DAYS, Check, HwChecker
from acceptance.probes.homework.worker import FORMS, Homework, Listing
from acceptance.redact import cut
from acceptance.verdict import Inconclusive

SPANS = (1, 7, DAYS)
"""Days that each student's list is asked for; beside them those at whose edge a commit of the student lies."""
DAY, STEADY = timedelta(days=1), timedelta(hours=1)
MOST_STUDENTS = 5
AT_ONCE = 5

Rows = tuple[str, ...]


@dataclass(frozen=True)
class Lists:
    """What was listed: commits in order, by student and days; and what the HW checker knew then.

    Attributes:
        day: When.
        rows: Each commit as JSON.
        known: What the checker knew of each student.
        forms: By which of `FORMS` each list was the checker's checks with their times; none where it was not.
        seconds: How long each took, some of them being asked for at once.
    """

    day: date
    rows: Mapping[tuple[str, int], Rows]
    known: Mapping[str, frozenset[Check]]
    forms: frozenset[str] = frozenset()
    seconds: tuple[float, ...] = ()

    def unlike(self, before: Lists) -> list[Finding]:
        """Name the lists that differ from those before, of students of whom the HW checker knows the same.

        Raises:
            Inconclusive: There is none to compare.
        """
        same = {one for one, checks in self.known.items() if before.known.get(one) == checks and self.day == before.day}
        both = self.rows.keys() & before.rows.keys()
        pairs = {where: (before.rows[where], self.rows[where]) for where in sorted(both) if where[0] in same}
        if not any(old for old, _ in pairs.values()):
            raise Inconclusive(
                "no student has a list with commits before, and the same checks now: run the stage again"
            )
        return [
            Finding("listed otherwise", f"{student}, {days} days", f"{_brief(old)}, as by the old path", _brief(new))
            for (student, days), (old, new) in pairs.items()
            if old != new
        ]


def lists(homework: Homework, checker: HwChecker, leave_out: Sequence[str]) -> Lists:
    """List a few students' commits over several spans, a few at a time on few connections: what is mixed up shows.

    Args:
        homework: The worker.
        checker: The HW checker.
        leave_out: Students whose commits are reviewed in this stage, so that their lists change. What was asked for
            again there shows which checks of a commit are listed.
    """
    checks = checker.checks(DAYS + 1)
    everybody = {check.student_id for check in checks}
    students = sorted(everybody - {*leave_out})[:MOST_STUDENTS]
    known = {one: frozenset(check for check in checks if check.student_id == one) for one in students}
    spans = ((one, days) for one in students for days in {*SPANS, *_edges(known[one])})
    wanted = sorted(spans, key=lambda each: each[::-1])  # those at the same moment are of different students
    with homework.connected() as kept, ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(wanted, pool.map(lambda each: kept.listing(*each), wanted), strict=True))
    longest = [listing for (_, days), listing in found.items() if days == DAYS]
    longest += [homework.listing(one) for one in sorted(everybody & {*leave_out})]
    forms = frozenset(form for form in FORMS if not any(listing.unlike(checks, form) for listing in longest))
    rows = {where: _rows(each) for where, each in found.items()}
    seconds = tuple(each.exchange.elapsed_s for each in found.values())
    return Lists(datetime.now(UTC).date(), rows, known, forms, seconds)


def _edges(checks: Iterable[Check]) -> set[int]:
    """Give the days at which the oldest commit is just within a list, by whole dates or by hours.

    A commit that may leave such a list before it is listed again is left out.
    """
    now = datetime.now(UTC)
    steady = [each.enqueued_at for each in checks if STEADY < (now - each.enqueued_at) % DAY < DAY - STEADY]
    age = (now.date() - min(steady).astimezone(UTC).date()).days if steady else 0
    return {days for days in (age, age + 1) if 0 < days <= DAYS}


def _rows(listing: Listing) -> Rows:
    return tuple(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in listing.rows or ())


def _brief(rows: Rows) -> str:
    return f"{len(rows)} commits ({cut(', '.join(rows), 200)})"
