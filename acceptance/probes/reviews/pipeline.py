"""Submit work for review and follow it to the published report (stage 21_01d; contract, "HTTP" and "MongoDB")."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from acceptance.finding import Finding
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.http.client import Called, Caller, brief
from acceptance.probes.reviews.result import EFFECTS, ENDED, Review, Submitted
from acceptance.probes.reviews.works import CLEAN_LOG, LOG, NO_LOG, ODD_LOG, PROJECT, RAW_LOG, submission
from acceptance.probes.seen import CLOCKS_DIFFER
from acceptance.probes.storage.uploads import REVIEWS_PATH, Uploader

DURATIONS = "review_submission_duration_seconds_count"
COMPONENTS_PATH = "/health/components"
COMPONENTS = ("RateLimiter", "LogAnalysisPipeline", "ReportPublisher")
NO_TASKS = ("00000000-0000-4000-8000-000000000000", "0" * 24, "2147483647")
"""Ids of no task, as they look where they are UUIDs, ObjectIds or numbers."""
MALFORMED = (400, 422)
LOOKS = 4
"""How often users ask for a review of theirs at once."""
EARLY_LOOKS_S = 3.0
"""So long it is looked whether a review that has succeeded is published."""


@dataclass(frozen=True)
class Reviews:
    """The review pipeline from a student's side: the API takes the work, the worker's log and the database show it."""

    uploader: Uploader
    mongo: Store
    logs: Logs

    def submit(self, student_id: str, assignment_id: str, work: str = LOG) -> Submitted:
        """Send one submission; what comes of it is another matter."""
        at = datetime.now(UTC)
        upload = replace(submission(student_id, assignment_id, work), new_commit=secrets.token_hex(20))
        exchange = self.uploader.send(upload)
        taken = exchange.status == httpx.codes.CREATED
        task_id = self.uploader.read(exchange).get("task_id") if taken else None
        return Submitted(student_id, exchange, str(task_id or ""), at, assignment_id, work, str(upload.new_commit))

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
        if not submitted.task_id or not self.logs.names_events:
            return self.stored(submitted)
        told, stored = self._told(submitted), self.stored(submitted)
        number = Counter(event for event, _ in told)
        return replace(
            stored,
            lines=dict(told),
            unlogged=frozenset(event for event in EFFECTS.values() if not self.logs.tells(event)),
            repeated=stored.repeated | {event for event, count in number.items() if count > 1},
        )

    def stored(self, submitted: Submitted) -> Review:
        """Look at what is stored of a submission now, and not at its log.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        if not submitted.task_id:
            return Review(submitted)
        its = {"task_id": submitted.task_id}
        stored = {name: self._find(name, its) for name in ("long_tasks", "homework_reviews")}
        task, report = (next(iter(documents), None) for documents in stored.values())
        repeated = frozenset(name for name, documents in stored.items() if len(documents) > 1)
        return Review(submitted, task, report, repeated=repeated)

    def _told(self, submitted: Submitted) -> list[tuple[str, LogLine]]:
        """Give the log lines of the effects with a task's id, by event, in order."""
        written = self.logs.since(submitted.at - CLOCKS_DIFFER, EFFECTS.values())
        its_own = [line for line in written if line.mentions(submitted.task_id)]
        return [(event, line) for line in its_own for event in EFFECTS.values() if line.tells_of(event)]

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
        unpublished_s = self._unpublished(submitted, min(settle_s, EARLY_LOOKS_S))
        review = poll(
            lambda: self.look(submitted), lambda review: not (review.succeeded and review.awaited), settle_s, every=0.25
        )
        return replace(review, unpublished_s=unpublished_s)

    def _unpublished(self, submitted: Submitted, patience_s: float) -> float:
        """Give the seconds in which a review was seen to have succeeded and not to be published."""
        looks: list[Review] = []

        def look() -> Review:
            looks.append(self.stored(submitted))
            return looks[-1]

        poll(look, lambda review: not review.succeeded or review.published, patience_s, every=0.1)
        early = [each.looked for each in looks if each.succeeded and not each.published]
        return (early[-1] - early[0]).total_seconds() if early else 0.0

    def as_users_do(
        self,
        new_id: Callable[[str], str],
        new_number: Callable[[str], str],
        patience_s: float,
        settle_s: float,
        api: Caller,
    ) -> list[Review]:
        """Submit with each of the logs, and again by the first student once that one's first has ended; give each.

        Args:
            new_id: Makes a student's id.
            new_number: Makes one of digits alone.
            patience_s: Seconds within which all of the first ones must end.
            settle_s: Likewise.
            api: The review API, which is asked for each in the end.

        Raises:
            Inconclusive: As for `look`.
        """
        student = new_id("Submits")
        others = [
            self.submit(make("Submits-too"), "hw03", work)
            for make, work in ((new_number, NO_LOG), (new_id, ODD_LOG), (new_id, RAW_LOG), (new_id, PROJECT))
        ]
        sent = [self.submit(student, "hw03"), *others]
        # Users look at once too, again and again, so that each of several processes is asked; what they are told then
        # must not be what they are told for ever.
        for each in sent * LOOKS:
            api.get(f"{REVIEWS_PATH}/{each.task_id}")
        until = time.monotonic() + patience_s
        done = [self.follow(each, max(0.0, until - time.monotonic()), settle_s) for each in sent]
        if done[0].ended:
            sent.append(self.submit(student, "HW05", CLEAN_LOG))
            done.append(self.follow(sent[-1], patience_s, settle_s))
        told = [api.get(f"{REVIEWS_PATH}/{each.task_id}") for each in sent]
        seen = zip(map(self.look, sent), told, done, strict=True)
        lacking = frozenset(name for name in ("finished_at", "result") if api.names.lacks(name))
        return [
            replace(
                review,
                answer=called.payload if isinstance(called.payload, dict) else {},
                asked=called.exchange,
                untellable=lacking,
                unpublished_s=followed.unpublished_s,
            )
            for review, called, followed in seen
        ]

    def in_a_row(self, student_id: str, number: int, patience_s: float, settle_s: float) -> list[Review]:
        """Submit so many times as one student, without waiting for an end; give what became of each in the end.

        The last one is for the assignment of the first again, with another log: the first's report must not go by that,
        nor be told again.

        Raises:
            Inconclusive: As for `look`.
        """
        works = [LOG] * (number - 1) + [CLEAN_LOG if number > 1 else LOG]
        sent = [self.submit(student_id, f"hw{n % max(1, number - 1):02}", work) for n, work in enumerate(works)]
        until = time.monotonic() + patience_s
        for each in sent:
            self.follow(each, max(0.0, until - time.monotonic()), settle_s)
        return [self.look(each) for each in sent]

    def _find(self, name: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self.mongo[name].find(wanted, {"_id": False}))


def counted(prometheus: Prometheus, job: str) -> int:
    """Count the reviews that the decomposed use case says it did; 0 where it exports nothing."""
    return round(sum(sample.value for sample in prometheus.instant(f'{DURATIONS}{{job="{job}"}}')))


def unknown_task(api: Caller, name: str) -> Called:
    """Ask for a task that is not there; where the API takes ids of another form alone, once more in that form.

    Args:
        api: The review API.
        name: An id of no task, as the contract has them.
    """
    for each in (name, *NO_TASKS):
        called = api.get(f"{REVIEWS_PATH}/{each}")
        if called.exchange.status not in MALFORMED:
            break
    return called


def component_findings(worker: Caller) -> list[Finding]:
    """Name the collaborators that are not healthy, or what keeps them from being seen; a 200 says nothing."""
    answer = worker.get(COMPONENTS_PATH)
    if answer.exchange.status != httpx.codes.OK or not isinstance(answer.payload, dict):
        return [
            Finding("not healthy", COMPONENTS_PATH, "200 with the state of each collaborator", brief(answer.exchange))
        ]
    return [
        Finding("not healthy", name, f"{name} to be healthy", str(answer.get(name) or "no word of it"))
        for name in COMPONENTS
        if answer.get(name) != "healthy"
    ]
