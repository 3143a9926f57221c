"""One accepted stage, judged over the time since its acceptance by what Prometheus and the log have kept of it.

The suite provokes nothing on a stage after its acceptance, so nothing is subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.stages.firing import fired
from acceptance.stages.gates import Bound, GateResult, Measure, Samples, Trigger
from acceptance.stages.judging import judge
from acceptance.stages.kept import Spell
from acceptance.stages.observer import clock_fault
from acceptance.stages.stage import Stage
from acceptance.target.model import Service
from acceptance.verdict import Inconclusive, Verdict
from acceptance.wait import poll

LONGEST_S = 8 * 3600.0
"""How far back at most, in seconds: a window and the hours after it. Prometheus gives no more than 11,000 points."""


@dataclass(frozen=True)
class Lookback:
    """What to look back at a stage by.

    Attributes:
        stage: Its queries filled in for the service's job.
        since: When it was accepted, unix seconds.
        driven: When our own requests began, unix seconds: what is true now is told by what came after.
        step: The scrape interval in seconds.
        restarted: When the suite restarted the service, for other stages too: that it is down then is no fault.
        trace_prefix: Log lines with a trace id like this are the suite's own.
    """

    stage: Stage
    service: Service
    since: float
    driven: float
    step: float
    prometheus: Prometheus
    restarted: Sequence[Spell]
    trace_prefix: str

    @property
    def begin(self) -> float:
        """From when on it is looked at, unix seconds."""
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
        if fault := clock_fault(self.prometheus, self.step):
            raise Inconclusive(fault)
        settled = time.time() + 2 * self.step  # the last requests are in the next scrape

        def judged(start: float) -> list[GateResult]:
            return [judge(gate, self._samples(gate, start)) for gate in self.stage.gates]

        def shown(results: list[GateResult]) -> bool:
            return time.time() > settled and all(result.verdict is not Verdict.INCONCLUSIVE for result in results)

        now = poll(lambda: judged(self.driven), shown, patience_s, every=self.step)
        return [*self._told(judged(self.begin), "since", self._span), *self._told(now, "now", "now")]

    def triggers(self) -> list[GateResult]:
        """Judge the triggers as if they had been looked at ever since; new alerts are for ``post.validation.2``.

        Raises:
            Inconclusive: Prometheus or the log is out of reach.
        """
        results = [self._trigger(trigger) for trigger in self.stage.triggers if trigger.kind != "alerts"]
        return self._told(results, "since", self._span)

    def _trigger(self, trigger: Trigger) -> GateResult:
        if trigger.kind == "log_events":
            return self._log_events(trigger)
        samples = self._samples(trigger, self.begin)
        if trigger.kind == "value":
            samples = without(samples, self.restarted)
        if result := fired(trigger, samples):
            return result
        quiet = judge(trigger, samples)
        if quiet.verdict is Verdict.INCONCLUSIVE:
            return quiet
        reason = (
            f"never held; found {quiet.value:.4g} {trigger.unit}".rstrip() + f" at the end; fires at {trigger.bound}"
        )
        return replace(quiet, verdict=Verdict.PASS, reason=reason)

    def _log_events(self, trigger: Trigger) -> GateResult:
        lines = Logs(self.service.logs).since(datetime.fromtimestamp(self.begin, UTC), trigger.query.split("|"))
        foreign = [line.brief() for line in lines if not line.trace_id.startswith(self.trace_prefix)]
        verdict = Verdict.FAIL if Bound(trigger.bound).holds(len(foreign)) else Verdict.PASS
        reason = "; ".join([f"found {len(foreign)} {trigger.unit}; fires at {trigger.bound}", *foreign[:3]])
        return GateResult(trigger, verdict, len(foreign), len(foreign), reason, self.begin, time.time())

    def _samples(self, measure: Measure, start: float) -> Samples:
        return self.prometheus.samples(measure, self.service.job, start, time.time(), self.step)

    def _told(self, results: Iterable[GateResult], view: str, when: str) -> list[GateResult]:
        """Name stage and time in each: in the record they stand among those of other stages."""
        names = [(f"{self.stage.id}-{each.gate.id}-{view}", each) for each in results]
        title = f"{self.stage.id}, {when}: "
        return [replace(each, gate=replace(each.gate, id=name, title=title + each.gate.title)) for name, each in names]


def without(samples: Samples, spells: Sequence[Spell]) -> Samples:
    """Leave out what was sampled in some spells."""
    query = {
        name: [(at, value) for at, value in series if not any(begin <= at <= end for begin, end in spells)]
        for name, series in samples.query.items()
    }
    return replace(samples, query=query)
