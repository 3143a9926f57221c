"""Submit work for review and follow it to the published report (stage 21_01d; contract, "HTTP" and "MongoDB")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from acceptance.finding import Finding
from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.archives.archives import Archive, good, new_nonce, zip_bytes
from acceptance.probes.http.client import Caller, brief
from acceptance.probes.reviews.result import CLOCKS_DIFFER, EFFECTS, ENDED, Review, Submitted
from acceptance.probes.storage.uploads import Upload, Uploader, file_part

METRICS = "review_submission_"
"""What the names of the decomposed use case's metrics begin with; only it exports them."""

DURATIONS = "review_submission_duration_seconds_count"

_LOG = b"12:00:00 INFO the tests begin\n12:00:01 WARNING slow disk\n12:00:02 ERROR test_sum failed\n"


def submission(student_id: str, assignment_id: str, *, log: bool = True) -> Upload:
    """Make a good homework with a log of three lines, so that there is something to analyse; or without one."""
    if not log:
        return Upload(student_id, assignment_id, good())
    nonce = new_nonce()
    logs = Archive.of("logs", zip_bytes(nonce, [("test.log", _LOG)]), "a zip with a log of three lines", nonce)
    return Upload(student_id, assignment_id, good(), extra=(file_part(b"logs_zip", logs, "logs.zip"),))


@dataclass(frozen=True)
class Reviews:
    """The review pipeline from a student's side: the API takes the work, the worker's log and the database show it."""

    uploader: Uploader
    mongo: Store
    logs: Logs

    def submit(self, student_id: str, assignment_id: str, *, log: bool = True) -> Submitted:
        """Send one submission; what comes of it is another matter."""
        at = datetime.now(UTC)
        exchange = self.uploader.send(submission(student_id, assignment_id, log=log))
        taken = exchange.status == httpx.codes.CREATED
        task_id = self.uploader.read(exchange).get("task_id") if taken else None
        return Submitted(student_id, exchange, str(task_id or ""), at)

    def ended(self, pending: Sequence[Submitted]) -> set[str]:
        """Tell which tasks of these have ended, in one query.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        wanted = {"task_id": {"$in": [each.task_id for each in pending]}, "status": {"$in": list(ENDED)}}
        return {str(each["task_id"]) for each in self._find("long_tasks", wanted)}

    def look(self, submitted: Submitted) -> Review:
        """Look at all that is known of a submission now.

        Raises:
            Inconclusive: MongoDB does not answer, or the log cannot be read.
        """
        if not submitted.task_id:
            return Review(submitted)
        its = {"task_id": submitted.task_id}
        task, report = (next(iter(self._find(name, its)), None) for name in ("long_tasks", "homework_reviews"))
        if not self.logs.names_events:
            return Review(submitted, task, report)
        written = self.logs.since(submitted.at - CLOCKS_DIFFER, EFFECTS.values())
        its_own = [line for line in written if line.mentions(submitted.task_id)]
        lines = {event: line for event in EFFECTS.values() for line in its_own if line.tells_of(event)}
        unlogged = frozenset(event for event in EFFECTS.values() if not self.logs.tells(event))
        return Review(submitted, task, report, lines, unlogged)

    def follow(self, submitted: Submitted, patience_s: float, settle_s: float) -> Review:
        """Wait until a submission has ended, then until its effects show; gives what was seen last, good or not.

        Args:
            submitted: What to follow.
            patience_s: Seconds within which it must end.
            settle_s: Seconds within which its effects must show once it has succeeded.

        Raises:
            Inconclusive: As for `look`.
        """
        if submitted.task_id:
            poll(lambda: self.ended([submitted]), bool, patience_s)
        return poll(
            lambda: self.look(submitted),
            lambda review: not (review.succeeded and review.findings()),
            settle_s,
            every=0.25,
        )

    def as_users_do(self, new_id: Callable[[str], str], patience_s: float, settle_s: float) -> list[Review]:
        """Submit with a log, without one, and again by the first student; give each as it is after the last.

        Raises:
            Inconclusive: As for `look`.
        """
        student = new_id("submits")
        sent = [self.submit(student, "hw03"), self.submit(new_id("no-log"), "hw03", log=False)]
        for each in sent:
            self.follow(each, patience_s, settle_s)
        sent.append(self.submit(student, "hw05"))
        self.follow(sent[-1], patience_s, settle_s)
        return [self.look(each) for each in sent]

    def _find(self, name: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self.mongo[name].find(wanted, {"_id": False}))


def counted(prometheus: Prometheus, job: str) -> int:
    """Count the reviews that the decomposed use case says it did; 0 where it exports nothing."""
    return round(sum(sample.value for sample in prometheus.instant(f'{DURATIONS}{{job="{job}"}}')))


PATH = "/health/components"
COMPONENTS = ("RateLimiter", "LogAnalysisPipeline", "ReportPublisher")


def component_findings(worker: Caller) -> list[Finding]:
    """Name the collaborators that are not healthy, or what keeps them from being seen; a 200 says nothing."""
    answer = worker.get(PATH)
    if answer.exchange.status != httpx.codes.OK or not isinstance(answer.payload, dict):
        return [Finding("not healthy", PATH, "200 with the state of each collaborator", brief(answer.exchange))]
    return [
        Finding("not healthy", name, f"{name} to be healthy", str(answer.get(name) or "no word of it"))
        for name in COMPONENTS
        if answer.get(name) != "healthy"
    ]
