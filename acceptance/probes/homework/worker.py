"""List homework and have it reviewed as Butler's users do, and judge the effect (stage 21_01b; contract, "HTTP")."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import httpx

from acceptance.finding import Finding
from acceptance.observe.moments import moment
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.probes.homework.hw_checker import DAYS, Check, HwChecker
from acceptance.probes.http.client import Called, Caller, brief
from acceptance.probes.http.exchange import Exchange
from acceptance.redact import cut

LIST_PATH = "/homework/list"
REVIEWS_PATH = "/homework/reviews"

_Checked = Sequence[tuple[str, datetime]]
FORMS: Mapping[str, Callable[[_Checked], _Checked]] = {
    "each check": lambda oldest_first: oldest_first,
    "the newest check of a commit": lambda oldest_first: oldest_first[-1:],
    "the first check of a commit": lambda oldest_first: oldest_first[:1],
}
"""Which checks of one commit a service may list: the contract leaves it open, and the old path shows it."""

_HASH = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


@dataclass(frozen=True)
class Listing:
    """The answer to "which commits has this student"; `rows` is what it holds, None when it is no list."""

    student_id: str
    exchange: Exchange
    rows: Sequence[Any] | None

    @property
    def hashes(self) -> set[str]:
        """The commits' hashes."""
        return {str(row["hash"]) for row in self.rows or () if isinstance(row, dict) and row.get("hash")}

    def findings(self) -> list[Finding]:
        """Name what is wrong with the answer alone; an empty list of commits is a good form."""
        if self.exchange.status != httpx.codes.OK or self.rows is None:
            return [self._wrong("bad answer", '200 {"commits":[...]}', brief(self.exchange))]
        bad = [row for row in self.rows if not _is_commit(row, self.student_id)]
        expected = f"a hash, a date and student {self.student_id!r} of each commit"
        return [self._wrong("bad answer", expected, str(bad[:3]))] if bad else []

    def lost(self, checks: Sequence[Check], days: int = DAYS) -> list[Finding]:
        """Name the student's commits that the HW checker knows and the list lacks; a day's leeway at the far end.

        Args:
            checks: The checker's.
            days: What was asked for.
        """
        surely = datetime.now(UTC) - timedelta(days=days - 1)
        its = {check.commit_hash for check in checks if self._has(check) and check.enqueued_at > surely}
        missing = sorted(its - self.hashes)
        return [self._wrong("lost commit", f"commit {name}, which the HW checker has", "none") for name in missing]

    def foreign(self, checks: Sequence[Check]) -> list[Finding]:
        """Name the commits of the list that the HW checker does not know of the student."""
        its = {check.commit_hash for check in checks if self._has(check)}
        strange = sorted(self.hashes - its)
        expected = "only commits that the HW checker has"
        return [self._wrong("foreign commit", expected, f"commit {name}, which it has not") for name in strange]

    def unlike(self, checks: Sequence[Check], form: str, days: int = DAYS) -> list[Finding]:
        """Name the commits whose number or time in the list differs from the HW checker's.

        Only for a service that lists checks with the time of their queueing; a day's leeway at the far end.

        Args:
            checks: The checker's.
            form: Which of a commit's checks the service lists, a key of `FORMS`.
            days: What was asked for.
        """
        surely = datetime.now(UTC) - timedelta(days=days - 1)
        checked = sorted((check.commit_hash, check.enqueued_at) for check in checks if self._has(check))
        its = [pair for _, pairs in groupby(checked, key=itemgetter(0)) for pair in FORMS[form]([*pairs])]
        rows = [(str(row.get("hash")), moment(row.get("date"))) for row in self.rows or () if isinstance(row, dict)]
        has, listed = (Counter(pair for pair in pairs if pair[1] and pair[1] > surely) for pairs in (its, rows))
        return [
            self._wrong("listed otherwise", f"{has[pair]} times commit {pair[0]} of {pair[1]}", f"{listed[pair]} times")
            for pair in {*has, *listed}
            if has[pair] != listed[pair]
        ]

    def _wrong(self, kind: str, expected: str, found: str) -> Finding:
        return Finding(kind, f"list of {self.student_id}", expected, found)

    def _has(self, check: Check) -> bool:
        return check.student_id == self.student_id


@dataclass(frozen=True)
class Requested:
    """The answer to a request for a review, and the check on the HW checker's side before and after it."""

    exchange: Exchange
    review_id: str
    status: str
    before: Check
    after: Check

    @property
    def submitted(self) -> bool:
        """Whether the checker queued the commit since the request."""
        return self.after.job_id != self.before.job_id or self.after.enqueued_at > self.before.enqueued_at

    def findings(self) -> list[Finding]:
        """Name what is wrong with the answer or with its effect."""
        commit = f"commit {self.before.commit_hash} of {self.before.student_id}"
        if self.exchange.status != httpx.codes.ACCEPTED:
            return [Finding("bad answer", commit, "202", brief(self.exchange))]
        found = [
            Finding("bad answer", commit, f"a {name}", repr(cut(self.exchange.body, 200)))
            for name in ("review_id", "status")
            if not getattr(self, name)
        ]
        if not self.submitted:
            queued = f"last queued at {self.after.enqueued_at}, before the request (review {self.review_id!r})"
            expected = f"the HW checker to have queued {commit} again"
            found.append(Finding("not submitted", commit, expected, queued))
        elif self.before.idle and not self.after.idle and self.status.lower() == self.before.status:
            expected = f"the state of the new check, {self.after.status!r}"
            found.append(Finding("old state", commit, expected, f"{self.status!r}, that of the check before"))
        return found


@dataclass(frozen=True)
class Homework:
    """The worker's homework calls."""

    caller: Caller

    @contextmanager
    def connected(self) -> Iterator[Homework]:
        """Give what asks again on the connections that it has."""
        with self.caller.connected() as caller:
            yield Homework(caller)

    def listing(self, student_id: str, days: int = DAYS) -> Listing:
        """List a student's commits."""
        called = self.caller.get(LIST_PATH, student_id=student_id, days=days)
        rows = called.get("commits")
        return Listing(student_id, called.exchange, rows if isinstance(rows, list) else None)

    def request_review(self, checker: HwChecker, before: Check, patience_s: float) -> Requested:
        """Have a commit reviewed, and wait until the checker shows it.

        Args:
            checker: Where to look.
            before: The commit's check as the checker shows it now.
            patience_s: Seconds until it must show it again.

        Raises:
            Inconclusive: The checker cannot be asked.
        """
        body = {"student_id": before.student_id, "commit_hash": before.commit_hash}
        called = self.caller.post(REVIEWS_PATH, body)
        if called.exchange.status != httpx.codes.ACCEPTED:
            return _requested(before, called, before)
        return poll(
            lambda: _requested(before, called, checker.now(before)),
            lambda requested: requested.submitted,
            patience_s,
            every=0.5,  # the checker is not ours to load
        )


def _requested(before: Check, called: Called, after: Check) -> Requested:
    review_id, status = (str(called.get(name) or "") for name in ("review_id", "status"))
    return Requested(called.exchange, review_id, status, before, after)


def _is_commit(row: Any, student_id: str) -> bool:
    if not isinstance(row, dict) or str(row.get("student")) != student_id:
        return False
    return bool(_HASH.fullmatch(str(row.get("hash")))) and bool(row.get("date"))


REQUESTS = "homework_review_service_requests_total"
"""Only the new service exports it."""


def served(prometheus: Prometheus, job: str) -> dict[str, int]:
    """Count by operation what the new service says it did; empty when it exports nothing."""
    query = f'sum by (operation) ({REQUESTS}{{job="{job}",status="success"}})'
    return {sample.labels.get("operation", ""): round(sample.value) for sample in prometheus.instant(query)}


def failures(prometheus: Prometheus, job: str) -> dict[str, int]:
    """Count by error type the reviews that the new service says it could not ask for."""
    query = f'sum by (error_type) ({REQUESTS}{{job="{job}",operation="request_review",status="error"}})'
    return {sample.labels.get("error_type", ""): round(sample.value) for sample in prometheus.instant(query)}
