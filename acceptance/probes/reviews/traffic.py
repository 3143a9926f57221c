"""Send the synthetic traffic of stage 21_01d: submissions that are followed to their end.

A review may take a minute, so that one at a time would leave next to nothing to see; a few are under way at once.
Each is judged by its effects, and its time from end to end is kept: the pipeline's own metric does not see the queue.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from acceptance.gates.judging import judge_share
from acceptance.gates.measures import Gate, GateResult, Threshold
from acceptance.gates.statistics import Count, nearest_rank
from acceptance.polling import poll
from acceptance.probes.reviews.pipeline import Reviews
from acceptance.probes.reviews.result import Review, Submitted
from acceptance.probes.reviews.works import LOG, ODD_LOG


@dataclass
class ReviewTraffic:
    """Sends submissions, each of another student: a rate limit is per student.

    Attributes:
        reviews: The pipeline.
        new_id: Makes a student's id.
        patience_s: Within how many seconds a review must end.
        settle_s: Within how many its effects must show then.
        at_once: How many may be under way.
        done: Those that were followed to their end, or given up.
    """

    reviews: Reviews
    new_id: Callable[[str], str]
    patience_s: float
    settle_s: float
    at_once: int = 8
    done: list[Review] = field(default_factory=list)
    _pending: list[Submitted] = field(default_factory=list)
    _sent: Iterator[int] = field(default_factory=itertools.count)

    def send(self) -> list[Review]:
        """Send one, waiting for room first; gives the reviews that have ended since."""
        if len(self._pending) >= self.at_once:
            poll(lambda: self.reviews.ended(self._pending), bool, self.patience_s)
        work = (LOG, ODD_LOG)[next(self._sent) % 2]  # of two kinds, so that one taken for another's shows
        self._pending.append(self.reviews.submit(self.new_id("Soak"), "hw04", work))
        return self.harvest()

    def harvest(self) -> list[Review]:
        """Take up those that have ended, were refused, or have had their time.

        Raises:
            Inconclusive: MongoDB or the log is out of reach.
        """
        over, late = self.reviews.ended(self._pending), self.patience_s
        ready = [each for each in self._pending if not each.task_id or each.task_id in over or _age(each) >= late]
        self._pending = [each for each in self._pending if each not in ready]
        found = [self.reviews.follow(each, 0.0, self.settle_s) for each in ready]
        self.done += found
        return found

    def finish(self) -> list[Review]:
        """Wait for what is still under way; gives all that was sent."""
        while self._pending:
            left_s = max(0.0, self.patience_s - max(map(_age, self._pending)))
            poll(lambda: self.reviews.ended(self._pending), bool, min(self.patience_s, left_s))
            self.harvest()
        return self.done


def end_to_end(gate: Gate, reviews: Sequence[Review]) -> GateResult:
    """Judge the time from submission to result by the threshold of the pipeline's own latency gate.

    A review without an end counts with the time that it has had so far.

    Args:
        gate: Of the pipeline's own metric: threshold and quantile are taken from it.
        reviews: What was sent.
    """
    taken = [each for each in reviews if each.submitted.task_id]
    times = [_age(each.submitted) if each.seconds is None else each.seconds for each in taken]
    its = replace(
        gate,
        id="end-to-end-p95",
        title="A submission has its result in less than 30 s from end to end (p95)",
        kind="value",
        query="MongoDB long_tasks: finished_at - created_at",
        total="",
    )
    curve = sorted((each.submitted.at.timestamp(), time) for each, time in zip(taken, times, strict=True))
    window = (curve[0][0], curve[-1][0]) if curve else (0.0, 0.0)
    value = nearest_rank(times, gate.quantile) if times else None
    slow = Count(sum(not Threshold(gate.threshold).holds(time) for time in times), len(times))
    verdict, reason = judge_share(slow, slow, gate.share)
    reason = f"{reason} not {gate.threshold} {gate.unit}"
    return GateResult(its, verdict, value, len(times), reason, *window, curve)


def _age(submitted: Submitted) -> float:
    return (datetime.now(UTC) - submitted.at).total_seconds()
