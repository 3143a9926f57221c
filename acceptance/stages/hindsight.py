"""Accepted stages are still held to their gates when the deployment is over.

The watch of a stage ends with its acceptance, and its flag stays on while the next stages run, for hours: what goes bad
then, nobody would see. So all of that time is judged at the end. A quiet night must read neither as good nor as a
fault: requests of our own come first, and after them "no data" is a fault again.
Source: checklist items acceptance.3, acceptance.4 and trigger.1 to trigger.6.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property

from acceptance.conduct.byhand import by_hand_commands
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.traffic import drive
from acceptance.stages.deployment import Deployment
from acceptance.stages.gates import Bound, GateResult
from acceptance.stages.kept import Kept, kept, restarts
from acceptance.stages.lookback import Lookback
from acceptance.stages.stage import Stage
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, Verdict

MARGIN = 1.5
"""Times the fewest samples that a measure needs, so that a slow request or two do not matter."""

LEAST_S = 15.0
"""Seconds of requests at least."""

TIMES_THE_SLO = 3
"""How long our last requests may take to show: a slow review must be told from one that is lost."""


class Hindsight:
    """Looks back at the stages that a deployment has accepted; each is judged once, and our own requests are sent once.

    Args:
        target: The deployment.
        deployment: Its runs tell what was accepted.
        prometheus: The target's.
        stages: The flagged stages by id.
        new_id: Makes the id of a test user.
        trace_prefix: First digits of the trace ids that this run sends.
    """

    def __init__(
        self,
        target: Target,
        deployment: Deployment,
        prometheus: Prometheus,
        stages: Mapping[str, Stage],
        new_id: Callable[[str], str],
        trace_prefix: str,
    ) -> None:
        self._target = target
        self._deployment = deployment
        self._prometheus = prometheus
        self._stages = stages
        self._new_id = new_id
        self._trace_prefix = trace_prefix
        self.gates = cache(self._gates)
        self.triggers = cache(self._triggers)

    def kept(self, stage_id: str) -> Kept:
        """See ``acceptance.stages.kept.kept``."""
        return kept(self._deployment.of(stage_id), stage_id)

    def with_trigger(self, item: str) -> list[str]:
        """Name the stages that have a trigger of a checklist item."""
        return [name for name, stage in self._stages.items() if any(item in each.items for each in stage.triggers)]

    def way_back(self, stage_id: str) -> str:
        """Say how a person takes a stage back: no run puts back what was accepted."""
        flag = self._target.flags[stage_id]
        commands = "; ".join(by_hand_commands(self._target, self._stages[stage_id].service, flag))
        return f"{stage_id} is accepted and {flag} is on; take it back by hand, now: {commands}"

    def findings(self, results: Mapping[str, Sequence[GateResult]]) -> list[str]:
        """Name what is bad among results by stage, each stage's with its way back.

        Raises:
            Inconclusive: Nothing is seen to be bad, but something could not be seen.
        """
        bad: list[str] = []
        unseen: list[str] = []
        for stage, mine in results.items():
            found = [each.explain() for each in mine if each.verdict is Verdict.FAIL]
            bad += [*found, self.way_back(stage)] if found else []
            unseen += [each.explain() for each in mine if each.verdict is Verdict.INCONCLUSIVE]
        if unseen and not bad:
            raise Inconclusive("; ".join(unseen))
        return bad

    def _gates(self, stage_id: str) -> list[GateResult]:
        slowest = max((Bound(gate.bound).limit for gate in self._stages[stage_id].gates if gate.unit == "s"), default=0)
        return self._lookback(stage_id).gates(self._target.scrape_patience_s + TIMES_THE_SLO * slowest)

    def _triggers(self, stage_id: str) -> list[GateResult]:
        self.gates(stage_id)  # by then the last of our requests has shown
        return self._lookback(stage_id).triggers()

    def _lookback(self, stage_id: str) -> Lookback:
        since = self.kept(stage_id).since
        if since is None:
            raise Inconclusive(f"{stage_id}: expected an accepted stage to look back at, found none")
        service = self._target.service(self._stages[stage_id].service)
        return Lookback(
            stage=self._stages[stage_id].at(service.job),
            service=service,
            since=since,
            driven=self._driven,
            step=self._target.scrape_interval_s,
            prometheus=self._prometheus,
            restarted=[spell for log in self._deployment.runs for spell in restarts(log, service)],
            trace_prefix=self._trace_prefix,
        )

    @cached_property
    def _driven(self) -> float:
        """Send requests to all services, just enough for every measure; gives when they began."""
        fewest = max(one.min_samples for stage in self._stages.values() for one in (*stage.gates, *stage.triggers))
        number, rate = math.ceil(MARGIN * fewest), self._target.traffic_per_minute
        seconds = max(LEAST_S, 60 * number / rate)
        sparing = replace(self._target, traffic_per_minute=min(rate, math.ceil(60 * number / seconds)))
        began = time.time()
        drive(sparing, seconds, new_id=self._new_id, trace_prefix=self._trace_prefix)
        return began
