"""Submit work while the worker restarts, and see whether all of it is reviewed (21_01d.deploy.2 and .rollout.2).

A restart under use cuts reviews off and leaves others in the queue. What the API took is a student's work all the same:
each must come to its end, once. What the old path does of it, over a restart of its own, decides what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from acceptance.finding import Finding, Severity, summary
from acceptance.polling import poll
from acceptance.probes.reviews.pipeline import Reviews
from acceptance.probes.reviews.result import Submitted
from acceptance.probes.reviews.works import LOG
from acceptance.verdict import NotApplicable

MOST = 7
JOIN_S = 10.0
"""Longest wait for the last submission: a rollback may have to begin."""
FIRST_S, LONGER = 0.2, 1.9
"""Seconds until the next submission, and how much longer each pause is: all of them take about ten seconds."""


@dataclass(frozen=True)
class OverRestart:
    """Students who submit while a service restarts.

    Attributes:
        reviews: The pipeline.
        students: Their ids: one submission of each.
        sent: What was submitted.
    """

    reviews: Reviews
    students: Sequence[str]
    sent: list[Submitted] = field(default_factory=list)

    @classmethod
    def of(cls, reviews: Reviews, new_id: Callable[[str], str]) -> OverRestart:
        """Make the students before anything restarts: their data must be announced by then."""
        return cls(reviews, [new_id("Restart") for _ in range(MOST)])

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """Submit from before this block until it ends, or nobody is left."""
        over = Event()
        thread = Thread(target=self._submit, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(JOIN_S)

    def _submit(self, over: Event) -> None:
        for number, student in enumerate(self.students):
            self.sent.append(self.reviews.submit(student, "hw04", LOG))
            if over.wait(FIRST_S * LONGER**number):
                return

    def lost(self, patience_s: float) -> list[Finding] | None:
        """Name the submissions that were taken, and not reviewed; None where none was taken.

        Args:
            patience_s: Seconds within which all of them must end.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        taken = [each for each in self.sent if each.task_id]
        if not taken:
            return None
        poll(lambda: self.reviews.ended(taken), lambda ended: len(ended) == len(taken), patience_s)
        return [found for each in taken for found in self._lost(each)]

    def _lost(self, submitted: Submitted) -> Iterator[Finding]:
        review = self.reviews.stored(submitted)
        if not review.succeeded or review.report is None:
            state = (review.task or {}).get("status", "no task")
            expected = "a review with a report, as the API took it while the worker was restarted"
            found = f"{state}, {'a' if review.report else 'no'} report"
            yield Finding("lost over a restart", submitted.task_id, expected, found, Severity.CRITICAL)
        for name in sorted(review.repeated):
            yield Finding("repeated", submitted.task_id, f"one document in {name}", "more than one")


def lost_now(before: list[Finding] | None, now: list[Finding] | None) -> list[Finding]:
    """Name what the new path loses over a restart, where the old path loses nothing.

    Raises:
        NotApplicable: The old path loses work too, or nothing is taken while the worker restarts.
    """
    if before is None or now is None:
        raise NotApplicable("work over a restart: the API takes nothing while the worker restarts")
    if before:
        raise NotApplicable(f"work over a restart: the old path loses some too: {summary(before)}")
    return now
