"""Judge one accepted stage again, over all the time since its acceptance and over our own last requests.

Source: checklist items acceptance.3, acceptance.4 and trigger.1 to trigger.6.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from acceptance.gates.judging import ALPHA, judge
from acceptance.gates.measures import Gate, GateResult, Measure, Threshold, Trigger
from acceptance.gates.series import Row, Samples, increase
from acceptance.gates.statistics import Count, increase_p, proportion_bounds
from acceptance.gates.triggers import evaluate
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.record.deployment import Spell
from acceptance.stage import Stage
from acceptance.stages.expected_events import visible
from acceptance.stages.other_services import ERROR_RATE
from acceptance.stages.prometheus_clock import clock_fault
from acceptance.target.model import Service
from acceptance.verdict import Inconclusive, Verdict

LONGEST_S = 8 * 3600.0
"""How far back at most, in seconds: a window and the hours after it. Prometheus gives no more than 11,000 points."""


@dataclass(frozen=True)
class Lookback:
    """What an accepted stage is judged again with.

    Attributes:
        stage: Its queries filled in for the service's job.
        since: When it was accepted, unix seconds.
        driven: When our own requests began, unix seconds: what is true now is told by what came after.
        step: The scrape interval in seconds.
        restarted: When the suite restarted the service, for other stages too: that it is down then is no fault.
        is_ours: Tells the log lines of the suite's own requests, of this run and of earlier ones.
        soak_s: How long its soak was, in seconds.
        evaluations: How many gates and triggers are judged of all stages together: one error for all of them.
    """

    stage: Stage
    service: Service
    since: float
    driven: float
    step: float
    prometheus: Prometheus
    restarted: Sequence[Spell]
    is_ours: Callable[[LogLine], bool]
    soak_s: float = 900.0
    evaluations: int = 1

    @property
    def begin(self) -> float:
        """Start of the time that is judged, unix seconds."""
        return max(self.since, self.driven - LONGEST_S)

    @property
    def _span(self) -> str:
        return "since its acceptance" if self.begin == self.since else f"in the last {LONGEST_S / 3600:g} h"

    def gates(self, patience_s: float) -> list[GateResult]:
        """Judge the gates twice: over all the time since acceptance, and over our own requests.

        A long good time hides a service that has only just become slow; the second view shows it.

        Args:
            patience_s: Within how many seconds our own requests must show.

        Raises:
            Inconclusive: Prometheus is out of reach, or keeps another time than we do.
        """
        if fault := clock_fault(self.prometheus, self.step):  # guard: prometheus-keeps-our-time-when-looking-back
            raise Inconclusive(fault)
        settled = time.time() + 2 * self.step  # the last requests are in the next scrape

        def judged(start: float) -> list[GateResult]:
            return [self._gate(gate, start) for gate in self.stage.gates]

        def shown(results: list[GateResult]) -> bool:
            return time.time() > settled and all(result.verdict is not Verdict.INCONCLUSIVE for result in results)

        now = poll(lambda: judged(self.driven), shown, patience_s, every=self.step)
        return [*self._told(judged(self.begin), "since", self._span), *self._told(now, "now", "now")]

    def _gate(self, gate: Gate, start: float) -> GateResult:
        """Judge a gate; a count of errors against the rate of the soak that the stage was accepted for.

        One error in hours of users' requests is no reason to undo what was accepted. A soak of a few requests shows no
        increase whatever came after it, so the rate must also be surely below the one that rolls a stage back.
        """
        alpha = ALPHA / self.evaluations
        samples = self._samples(gate, start)
        found = judge(gate, samples, alpha)
        if gate.kind != "count" or found.verdict is not Verdict.FAIL:
            return found
        soak = self.prometheus.samples(gate, self.service.job, self.since - self.soak_s, self.since, self.step)
        before = Count(0, increase(soak.total, soak))  # else it would not have been accepted
        after = Count(round(increase(samples.query, samples)), increase(samples.total, samples))
        if before.of < 1 or (p := increase_p(before, after)) < alpha:
            return found
        verdict, why = self._at_that_rate(after, alpha)
        rates = f"{after.events} of {after.of:g}, in its soak {before.events} of {before.of:g}"
        told = f"{rates}: no increase is shown (p = {p:.3g}, called one below {alpha:.2g}); {why}"
        return replace(found, verdict=verdict, reason=told)

    def _at_that_rate(self, after: Count, alpha: float) -> tuple[Verdict, str]:
        """Judge a rate of errors by itself: good only when it is surely below the one that rolls the stage back."""
        rates = (each for each in self.stage.triggers if each.kind == "ratio" and "trigger.1" in each.items)
        limit = min((Threshold(each.threshold).limit for each in rates), default=ERROR_RATE)
        low, high = proportion_bounds(after, alpha)[0], proportion_bounds(after, ALPHA)[1]
        told = f"rolled back at {limit:g}, found between {low:.3g} and {high:.3g}"
        if low > limit:
            return Verdict.FAIL, told
        return (Verdict.PASS if high < limit else Verdict.INCONCLUSIVE), told

    def triggers(self) -> list[GateResult]:
        """Judge the triggers as if they had been evaluated ever since; new alerts are for `post.validation.2`.

        Raises:
            Inconclusive: Prometheus or the log is out of reach.
        """
        triggers = visible(self.stage.triggers, self.service.log_format)
        results = [self._trigger(trigger) for trigger in triggers if trigger.kind != "alerts"]
        return self._told(results, "since", self._span)

    def _trigger(self, trigger: Trigger) -> GateResult:
        if trigger.kind == "log_events":
            return self._log_events(trigger)
        samples = self._samples(trigger, self.begin)
        left = without(samples, self.restarted) if trigger.kind == "value" else samples
        return evaluate(trigger, left, alpha=ALPHA / self.evaluations)

    def _log_events(self, trigger: Trigger) -> GateResult:
        lines = Logs.of(self.service).since(datetime.fromtimestamp(self.begin, UTC), trigger.query.split("|"))
        foreign = [line.brief() for line in lines if not self.is_ours(line)]
        verdict = Verdict.FAIL if Threshold(trigger.threshold).holds(len(foreign)) else Verdict.PASS
        reason = "; ".join([f"found {len(foreign)} {trigger.unit}; fires at {trigger.threshold}", *foreign[:3]])
        return GateResult(trigger, verdict, len(foreign), len(foreign), reason, self.begin, time.time())

    def _samples(self, measure: Measure, start: float) -> Samples:
        return self.prometheus.samples(measure, self.service.job, start, time.time(), self.step)

    def _told(self, results: Iterable[GateResult], view: str, when: str) -> list[GateResult]:
        """Name stage and time in each: in the record they stand among those of other stages."""
        names = [(f"{self.stage.id}-{each.gate.id}-{view}", each) for each in results]
        title = f"{self.stage.id}, {when}: "
        return [replace(each, gate=replace(each.gate, id=name, title=title + each.gate.title)) for name, each in names]


def without(samples: Samples, spells: Sequence[Spell]) -> Samples:
    """Leave out the samples of some stretches of time."""
    query = [
        Row(row.labels, [point for point in row.points if not any(begin <= point[0] <= end for begin, end in spells)])
        for row in samples.query
    ]
    return replace(samples, query=query)
