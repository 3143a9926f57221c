"""Ask the external HW checker itself: its health, and what it knows of students and their commits.

Source: checklist item 21_01b.monitor.2; target contract, "HTTP". That a review was requested is proved here, on the
checker's side, not by the worker's 202.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding, summary
from acceptance.observe.moments import moment
from acceptance.probes.http.client import Called, Caller, brief
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

API_KEY = "HW_CHECKER_API_KEY"
RESCHEDULE = (
    "external dependency down: the stage is left out with its flag off and the others go on; "
    "reschedule it when the HW checker is stable: "
)
"""What the checklist says to do ("External Dependency Down")."""

FIELDS = ("job_id", "student_id", "commit_hash", "enqueued_at", "status")
"""What is read of each check."""
BUSY = ("queued", "running")
_LOOKS = 2
"""How often it is asked at most before it counts as too slow."""
DAYS = 30
"""How far back lists go: a test student does not submit every week."""
PAGE = 100
PAGES = 50
"""Most pages that are read, so that a checker which miscounts cannot hold us."""


class HwCheckerDown(Inconclusive):
    """The HW checker did not give what it was asked for: somebody else's trouble, which is waited for to pass."""


@dataclass(frozen=True)
class Check:
    """One job of the checker; `enqueued_at` is aware, and moves when the check is asked for again."""

    job_id: str
    student_id: str
    commit_hash: str
    enqueued_at: datetime
    status: str

    @property
    def idle(self) -> bool:
        """Whether it is neither waiting nor under way."""
        return self.status not in BUSY


@dataclass(frozen=True)
class HwChecker:
    """The checker; `caller` carries the API key."""

    caller: Caller

    @classmethod
    def of(cls, target: Target) -> HwChecker:
        """Reach the target's checker with the key of its env file.

        Raises:
            Inconclusive: The env file has no key.
            NotApplicable: There is no checker.
            EnvFileError: It cannot be read.
        """
        url = target.having("hw-checker").hw_checker_url
        key = EnvFile(target.env_file).read().get(API_KEY, "")
        if not key:
            raise Inconclusive(f"{target.env_file}: expected {API_KEY}, found none; without it no review can be proved")
        header, _, scheme = target.hw_checker_header.partition(" ")
        login = {header: f"{scheme} {key}".strip()}
        return cls(Caller(url, target.http_timeout_s, trace_header="", headers=login, names=target.hw_checker_names))

    def health_findings(self) -> list[Finding]:
        """Name what is wrong with its `/health`; the checklist expects `{"status":"ok"}`."""
        answer = self.caller.get("/health")
        good = answer.exchange.status == httpx.codes.OK and answer.get("status") == "ok"
        return [] if good else [Finding("not healthy", "HW checker", '200 {"status":"ok"}', brief(answer.exchange))]

    def dependable(self, within_s: float) -> float:
        """See that it can be depended on; gives how many seconds its checks took.

        Args:
            within_s: Longest good answer; one spike is borne.

        Raises:
            Inconclusive: It is not healthy, gives no data, or is too slow.
        """
        found = self.health_findings()
        for _ in range(0 if found else _LOOKS):
            started = time.monotonic()
            try:
                self.checks(days=1)
            except Inconclusive as error:
                found = [Finding("out of reach", "HW checker", "its checks", str(error))]
                break
            if (took := time.monotonic() - started) < within_s:
                return took
            late = f"{took:.1f} s in the last of {_LOOKS} looks"
            found = [Finding("too slow", "HW checker", f"its checks within {within_s:g} s", late)]
        raise Inconclusive(RESCHEDULE + summary(found))

    def checks(self, days: int) -> list[Check]:
        """Give the checks of the last `days` days, of all students.

        Raises:
            HwCheckerDown: The checker does not answer, refuses the key, or answers in another form.
            Inconclusive: It knows too many.
        """
        today = datetime.now(UTC).date()
        span = {"start_date": str(today - timedelta(days=days)), "end_date": str(today + timedelta(days=1))}
        found: list[Check] = []
        for page in range(PAGES):
            answer = self.caller.get("/api/checks_by_date", **span, limit=PAGE, offset=page * PAGE)
            rows = list(_rows(answer))
            found += rows
            if len(rows) < PAGE:
                return found
        raise Inconclusive(f"the HW checker knows more than {PAGE * PAGES} checks of {days} days; ask for fewer days")

    def now(self, check: Check) -> Check:
        """Give the newest check of the same commit, or the same check again where none is found.

        Raises:
            HwCheckerDown, Inconclusive: As for `checks`.
        """
        return max(self._again(check), key=lambda each: each.enqueued_at, default=check)

    def times(self, check: Check) -> int:
        """Count how often the same commit was queued since a check of it.

        Raises:
            HwCheckerDown, Inconclusive: As for `checks`.
        """
        return sum(each.enqueued_at > check.enqueued_at for each in self._again(check))

    def _again(self, check: Check) -> list[Check]:
        """Give the checks of the same commit: one checker lists them by the day of queueing, another of submission."""
        commit, found = (check.student_id, check.commit_hash), list[Check]()
        for days in (1, DAYS + 1):
            found = found or [one for one in self.checks(days) if (one.student_id, one.commit_hash) == commit]
        return found


def _rows(answer: Called) -> Iterator[Check]:
    rows = answer.get("checks")
    if answer.exchange.status != httpx.codes.OK or not isinstance(rows, list):
        raise HwCheckerDown(
            f"the HW checker did not give its checks: {brief(answer.exchange)}; "
            f"see that it runs, HW_CHECKER_URL of the target file, and {API_KEY} of the env file"
        )
    for row in rows:
        try:
            yield _check(row)
        except (TypeError, ValueError) as error:
            raise HwCheckerDown(
                f"expected checks with {', '.join(FIELDS)} of the HW checker, found one of an unknown form ({error}): "
                f"{row}; correct HW_CHECKER_FIELDS"
            ) from error


def _check(row: Any) -> Check:
    if lacks := [name for name in FIELDS if name not in row]:
        raise ValueError(f"without {', '.join(lacks)}")
    at = moment(row["enqueued_at"])
    if at is None:
        raise ValueError("enqueued_at is no time")
    return Check(
        job_id=str(row["job_id"]),
        student_id=str(row["student_id"]),
        commit_hash=str(row["commit_hash"]),
        enqueued_at=at,
        status=str(row["status"]).lower(),
    )
