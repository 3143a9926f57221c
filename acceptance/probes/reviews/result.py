"""Judge what became of a submission by its effects (stage 21_01d; contract, "MongoDB" and log events).

A 201 says that the submission was taken, nothing more. The four effects that the checklist names count: what is
stored of each, and its log event with the task's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from acceptance.finding import Finding, Severity
from acceptance.observe.log_lines import LogLine
from acceptance.observe.moments import moment
from acceptance.probes.http.client import brief
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.reviews.works import WORKS
from acceptance.probes.seen import CLOCKS_DIFFER, Seen
from acceptance.redact import cut

ENDED = ("succeeded", "failed")
"""States of a task of which nothing more comes."""

EFFECTS: Mapping[str, str] = {
    "rate limit checked": "rate_limit_check",
    "log analysis appended": "log_analysis_complete",
    "report persisted": "report_persisted",
    "report published": "report_published",
}
"""The checklist's words -> the log event of each."""


@dataclass(frozen=True)
class Submitted:
    """The answer to a submission; `task_id` is empty where it was not taken, `at` is aware."""

    student_id: str
    exchange: Exchange
    task_id: str
    at: datetime
    assignment_id: str = ""
    work: str = ""
    new_commit: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give the exchange for the record (evidence of kind `http`)."""
        return self.exchange.as_json()


@dataclass(frozen=True)
class Review:
    """What became of a submission, as far as it was seen.

    Attributes:
        submitted: The submission.
        task: Its document in `long_tasks`, None when there is none.
        report: Its document in `homework_reviews`, None when there is none.
        answer: What `GET /api/v1/reviews/{task_id}` says of it; None where nobody asked.
        asked: That exchange.
        untellable: Fields that no answer of the deployment has, as the target file says.
        lines: The log lines of the four effects with its task id, by event; the last of each. None where the target
            file says that the log names no events: then what is stored must show the effects.
        unlogged: Events that the target file says are not logged, likewise.
        repeated: Of its documents and events, those of which there is more than one.
        looked: When this was seen.
        unpublished_s: For how many seconds it was seen to have succeeded before it was published.
    """

    submitted: Submitted
    task: Mapping[str, Any] | None = None
    report: Mapping[str, Any] | None = None
    lines: Mapping[str, LogLine] | None = None
    unlogged: frozenset[str] = frozenset()
    answer: Mapping[str, Any] | None = None
    asked: Exchange | None = None
    untellable: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    looked: datetime = field(default_factory=lambda: datetime.now(UTC))
    unpublished_s: float = 0.0

    @property
    def seen(self) -> Seen:
        """All of it, to compare with another path's."""
        sent, lines = self.submitted, self.lines or {}
        parts = {
            "sent": {
                "task_id": sent.task_id,
                "student_id": sent.student_id,
                "assignment_id": sent.assignment_id,
                "trace_id": sent.exchange.trace_id,
                "new_commit": sent.new_commit,
            },
            "task": self.task,
            "report": self.report,
            "answer": self.answer,
            "log": {event: line.fields for event, line in lines.items()},
        }
        return Seen(parts, sent.at, self.looked, self.repeated)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return not self.submitted.task_id or self._task("status") in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the task says so."""
        return bool(self._task("status") == "succeeded")

    @property
    def begun(self) -> datetime | None:
        """When its first effect was logged; None where none was."""
        return min((line.at for line in (self.lines or {}).values() if line.at), default=None)

    @property
    def limited(self) -> bool:
        """Whether a rate limit refused it, at the door or in the pipeline."""
        refused = self._line("rate_limit_check").get("allowed") is False
        return refused or self.submitted.exchange.status == httpx.codes.TOO_MANY_REQUESTS

    @property
    def analysed(self) -> bool:
        """Whether its log analysis is stored and holds something: counts that are all nought are no analysis."""
        return _holds_something((self.report or {}).get("log_analysis"))

    @property
    def published(self) -> bool:
        """Whether its report says when it was published, after it was submitted."""
        at = moment((self.report or {}).get("published_at"))
        return at is not None and at > self.submitted.at - CLOCKS_DIFFER

    @property
    def seconds(self) -> float | None:
        """From `created_at` to `finished_at`; None while either is missing."""
        created, finished = moment(self._task("created_at")), moment(self._task("finished_at"))
        return (finished - created).total_seconds() if created and finished else None

    def lacks(self, effect: str) -> list[Finding]:
        """Name what is missing of one of the four effects: of what is stored, and of what is logged."""
        event, task = EFFECTS[effect], self.submitted.task_id
        good, shown = self._stored(effect)
        found = [] if good else [Finding("missing effect", task, effect, shown)]
        if self.lines is not None and event not in (*self.lines, *self.unlogged):
            logged = str(sorted(self.lines) or "none")
            found.append(Finding("not logged", task, f"the log event {event}", logged, Severity.MEDIUM))
        return found

    def findings(self) -> list[Finding]:
        """Name everything that is wrong; empty when the review was done as it should be."""
        exchange = self.submitted.exchange
        if exchange.status != httpx.codes.CREATED or not self.submitted.task_id:
            return [Finding("not taken", self.submitted.student_id, "201 with a task_id", brief(exchange))]
        if not self.succeeded:
            end = ": ".join(map(str, filter(None, (self._task("status"), self._task("error"))))) or "no task"
            waited = (datetime.now(UTC) - self.submitted.at).total_seconds()
            subject, expected = self.submitted.task_id, f"task {self.submitted.task_id} to have succeeded"
            failed = Finding("review failed", subject, expected, f"after {waited:.0f} s {end}")
            limit = self.lacks("rate limit checked")
            return [failed, *(each for each in limit if self.limited or each.kind == "not logged")]
        return [*(fault for effect in EFFECTS for fault in self.lacks(effect)), *self._others()]

    @property
    def awaited(self) -> list[Finding]:
        """What may still come once it has succeeded; a work without a log has nothing to analyse, so nobody waits."""
        has_log = WORKS.get(self.submitted.work, True)
        nothing_to_analyse = [] if has_log else self.lacks("log analysis appended")
        return [each for each in self.findings() if each not in nothing_to_analyse]

    def _others(self) -> list[Finding]:
        """Say whether the report names another student, the task has no plausible end, or its student is not told."""
        found, subject = [], self.submitted.task_id
        owner = str((self.report or {}).get("student_id", ""))
        if owner and owner != self.submitted.student_id:
            expected = f"the report of {self.submitted.student_id}"
            found.append(Finding("another's report", subject, expected, f"one of {owner}", Severity.CRITICAL))
        if self.seconds is None or self.seconds < 0:
            ended = f"created_at {self._task('created_at')}, finished_at {self._task('finished_at')}"
            found.append(Finding("no end", subject, "a finished_at after created_at", ended))
        return [*found, *self.untold()]

    def untold(self) -> list[Finding]:
        """Say whether the API, where it was asked, does not tell when a review succeeded, and what came of it."""
        told = self.answer
        if told is None or not self.succeeded:
            return []
        ended = {"finished_at": moment(told.get("finished_at")), "result": told.get("result")}
        lacking = [name for name, value in ended.items() if value is None and name not in self.untellable]
        expected = {"task_id": self.submitted.task_id, "status": "succeeded"}
        if not lacking and {name: str(told.get(name)) for name in expected} == expected:
            return []
        wanted = " and ".join([str(expected), *lacking])
        return [Finding("not told", self.submitted.task_id, f"the API to tell {wanted}", cut(str(told), 200))]

    def as_json(self) -> dict[str, Any]:
        """Give the facts for the record."""
        lines = {event: dict(line.fields) for event, line in (self.lines or {}).items()}
        return {"task": self.task, "report": self.report, "log": lines, "seconds": self.seconds}

    def _stored(self, effect: str) -> tuple[bool, str]:
        """Tell whether an effect shows in what is stored (or answered), and what shows it."""
        if effect == "rate limit checked":
            allowed = self.succeeded or self._line("rate_limit_check").get("allowed") is True
            how = "it refused" if self.limited else "it refused, or what was before it failed"
            return not self.limited and allowed, f"{how}: {self._task('error') or self.submitted.exchange.explain()}"
        field = {"log analysis appended": "log_analysis", "report published": "published_at"}.get(effect, "report")
        value = (self.report or {}).get(field)
        good = {"log_analysis": self.analysed, "published_at": self.published, "report": bool(str(value or "").strip())}
        return good[field], f"{field} = {cut(str(value), 200)}" if self.report else "no document in homework_reviews"

    def _task(self, name: str) -> Any:
        return (self.task or {}).get(name)

    def _line(self, event: str) -> Mapping[str, Any]:
        line = (self.lines or {}).get(event)
        return line.fields if line else {}


def _holds_something(analysis: object) -> bool:
    if not isinstance(analysis, Mapping):
        return bool(analysis)
    counts = [value for value in analysis.values() if isinstance(value, int | float)]
    return any(counts) if counts else any(analysis.values())
