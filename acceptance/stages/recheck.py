"""Judge accepted stages again when the deployment is over.

The watch of a stage ends with its acceptance, and its flag stays on while the next stages run, for hours: nobody would
see what goes bad then. So all of that time is judged at the end. A night without traffic must read neither as good nor
as bad: synthetic traffic comes first, and after it "no data" is INCONCLUSIVE again.
Source: checklist items acceptance.3, acceptance.4 and trigger.1 to trigger.6.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import chain

from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.finding import Finding
from acceptance.gates.judging import ALPHA, fewest
from acceptance.gates.measures import GateResult, Threshold, Trigger
from acceptance.observe.log_lines import LogLine
from acceptance.observe.new_path import new_path
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.traffic import drive
from acceptance.record.deployment import Deployment, LeftEnabled, left_enabled, restarts
from acceptance.stage import Stage
from acceptance.stages.lookback import Lookback
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, Verdict, bad_or_blind

MARGIN = 1.5
"""Times the fewest samples that a measure needs, so that a slow request or two do not matter."""

LEAST_S = 15.0
"""Seconds of requests at least."""

TIMES_THE_SLO = 3
"""How long our last requests may take to show: a slow review must be told from one that is lost."""


class Recheck:
    """Looks back at the stages that a deployment has accepted; each is judged once, and our own requests are sent once.

    Args:
        target: The deployment.
        deployment: Its runs tell what was accepted.
        prometheus: The target's.
        stages: The flagged stages by id.
        new_id: Makes the id of a test user.
        trace_prefix: First digits of the trace ids that this run sends.
        is_ours: Tells the log lines of the suite's own requests, of this run and of earlier ones.
    """

    def __init__(
        self,
        target: Target,
        deployment: Deployment,
        prometheus: Prometheus,
        stages: Mapping[str, Stage],
        new_id: Callable[[str], str],
        trace_prefix: str,
        is_ours: Callable[[LogLine], bool],
    ) -> None:
        self._target = target
        self._deployment = deployment
        self._prometheus = prometheus
        self._stages = stages
        self._new_id = new_id
        self._trace_prefix = trace_prefix
        self._is_ours = is_ours
        self.gates = cache(self._gates)
        self.triggers = cache(self._triggers)

    def left_enabled(self, stage_id: str) -> LeftEnabled:
        """See `acceptance.record.deployment.left_enabled`."""
        return left_enabled(self._deployment.of(stage_id), stage_id)

    def with_trigger(self, item: str) -> list[str]:
        """Name the stages that have a trigger of a checklist item."""
        return [name for name, stage in self._stages.items() if any(item in each.items for each in stage.triggers)]

    def commands_by_hand(self, stage_id: str) -> str:
        """Say how a person rolls a stage back: no run undoes what was accepted."""
        flag = self._target.flags[stage_id]
        commands = "; ".join(by_hand_commands(self._target, self._stages[stage_id].service, flag))
        return f"{stage_id} is accepted and {flag} is on; roll it back by hand, now: {commands}"

    def without_effect(self, stage_ids: Iterable[str]) -> list[Finding]:
        """Name the accepted stages of which requests of ours show nothing: a later start took the old path.

        Raises:
            Inconclusive: What shows a new path cannot be read.
        """
        found = []
        for stage in stage_ids:
            self.gates(stage)  # by then the last of our requests has shown
            path = new_path(self._target, stage, self._prometheus)
            if not path.appears():
                subject = f"{stage}, accepted and its flag on"
                found.append(Finding("no effect", subject, f"{path} after requests of ours", "nothing of it"))
        return found

    def findings(self, results: Mapping[str, Sequence[GateResult]]) -> list[Finding]:
        """Name what is bad among results by stage, each stage's with the commands by hand.

        Raises:
            Inconclusive: Nothing is bad, but some results have no data.
        """
        bad = [
            _no_longer_good(each, self.commands_by_hand(stage))
            for stage, mine in results.items()
            for each in mine
            if each.verdict is Verdict.FAIL
        ]
        every = chain.from_iterable(results.values())
        return bad_or_blind(bad, [each.explain() for each in every if each.verdict is Verdict.INCONCLUSIVE])

    def _gates(self, stage_id: str) -> list[GateResult]:
        slowest = max(
            (Threshold(gate.threshold).limit for gate in self._stages[stage_id].gates if gate.unit == "s"), default=0
        )
        return self._lookback(stage_id).gates(self._target.scrape_patience_s + TIMES_THE_SLO * slowest)

    def _triggers(self, stage_id: str) -> list[GateResult]:
        self.gates(stage_id)  # by then the last of our requests has shown
        return self._lookback(stage_id).triggers()

    def _lookback(self, stage_id: str) -> Lookback:
        since = self.left_enabled(stage_id).since
        if since is None:
            raise Inconclusive(f"{stage_id}: expected an accepted stage to look back at, found none")
        service = self._target.service(self._stages[stage_id].service)
        return Lookback(
            stage=self._stages[stage_id].on(self._target),
            service=service,
            since=since,
            driven=self._driven,
            step=self._target.scrape_interval_s,
            prometheus=self._prometheus,
            restarted=[spell for log in self._deployment.runs for spell in restarts(log, service)],
            is_ours=self._is_ours,
            soak_s=self._stages[stage_id].soak_s(self._target),
            evaluations=self._evaluations,
        )

    @property
    def _evaluations(self) -> int:
        """How many gates, twice, and triggers are judged of all stages together: one error for all of them."""
        return sum(2 * len(stage.gates) + len(stage.triggers) for stage in self._stages.values())

    @cached_property
    def _driven(self) -> float:
        """Send requests to all services, just enough for every measure; gives when they began."""
        events = fewest(0.05, ALPHA / self._evaluations)  # of a p95
        number, rate = math.ceil(MARGIN * events), self._target.traffic_per_minute
        seconds = max(LEAST_S, 60 * number / rate)
        sparing = replace(self._target, traffic_per_minute=min(rate, math.ceil(60 * number / seconds)))
        began = time.time()
        drive(sparing, seconds, new_id=self._new_id, trace_prefix=self._trace_prefix)
        return began


def _no_longer_good(result: GateResult, by_hand: str) -> Finding:
    gate = result.gate
    expected = f"not {gate.threshold}" if isinstance(gate, Trigger) else gate.threshold
    found = result.reason.partition("found ")[2] or result.reason
    return Finding("no longer good", gate.title, expected, found, next_step=by_hand)
