"""The watch: looks at every trigger of a stage from the moment of flag-on, and acts on the first that fires.

Who observes is not who changes: the watch only asks for the rollback. Source: the checklist's "Rollback Trigger
Checklist" and the limits of the target contract.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from acceptance.gates.measures import GateResult, Measure, Samples, Trigger
from acceptance.gates.triggers import fires
from acceptance.observe.log_lines import of_ours
from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.stage import Stage
from acceptance.stages.expected_events import OwnEvents
from acceptance.verdict import Verdict


@dataclass(frozen=True)
class Outlook:
    """Where a watch evaluations.

    Attributes:
        job: Prometheus job of the stage's service.
        alerts_before: Alerts that already fired before the flag was set.
        trace_prefix: Log lines with a trace id like this are the suite's own; empty where services read none.
        step: Seconds between evaluations: the scrape interval.
        blind_limit: Seconds without an answer after which the stage is rolled back.
        data_prefix: What the suite's test data begins with.
        changed: Before the flag was changed, unix seconds: log events count from here on.
    """

    prometheus: Prometheus
    logs: Logs
    job: str
    alerts_before: frozenset[str]
    trace_prefix: str
    step: float
    blind_limit: float
    data_prefix: str = ""
    changed: float = 0.0


class Watch(threading.Thread):
    """Watches one stage; ``on_fire`` is called once, from this thread, with the trigger's result."""

    def __init__(
        self, stage: Stage, outlook: Outlook, since: float, own: OwnEvents, on_fire: Callable[[GateResult], None]
    ) -> None:
        super().__init__(name=f"watch of {stage.id}", daemon=True)
        self._stage = stage
        self._outlook = outlook
        self._since = since
        self._own = own
        self._on_fire = on_fire
        self._history: dict[str, list[tuple[float, float]]] = {}
        self._over = threading.Event()
        self.fired: GateResult | None = None
        self.evaluations = 0

    def run(self) -> None:
        """Look once every scrape interval until stopped or until a trigger fires."""
        seen = time.monotonic()  # a wall clock that is set back would prolong the blindness
        while not self._over.wait(self._outlook.step):
            try:
                self.fired = self.look(time.time())
                seen = time.monotonic()
                self.evaluations += 1
            except Exception as error:  # guard: watch-holds-through-an-outage
                # A monitoring outage, or a fault of our own, is not a bad release: hold, but not for ever.
                if (blind := time.monotonic() - seen) > self._outlook.blind_limit:
                    self.fired = self._blind(blind, str(error))  # guard: watch-that-is-blind-for-too-long
            if self.fired:
                self._over.set()
                self._on_fire(self.fired)

    def stop(self) -> None:
        """End the watch; safe from within ``on_fire``."""
        self._over.set()
        if threading.current_thread() is not self and self.is_alive():
            self.join()

    def look(self, now: float) -> GateResult | None:
        """Look at all triggers once; the first that fires, or None.

        Raises:
            Inconclusive: Prometheus or the log is out of reach.
        """
        for trigger in self._stage.triggers:
            samples = self._samples(trigger, now)
            # Asked after the samples are: whatever of ours they hold was announced before it was counted.
            own = self._own.span(trigger.own_events)[1]
            # One request may still be in flight, and its count shows with the next scrape only.
            quiet_since = self._own.quiet_since(trigger.own_events) + 2 * self._outlook.step
            if fired := fires(trigger, samples, own, quiet_since):
                return fired
        return None

    def _samples(self, trigger: Trigger, now: float) -> Samples:
        outlook = self._outlook
        if trigger.kind not in ("alerts", "log_events"):
            return outlook.prometheus.samples(trigger, outlook.job, self._since, now, outlook.step)
        count = len(self.new_alerts() if trigger.kind == "alerts" else self.foreign_events(trigger))
        history = self._history.setdefault(trigger.id, [])
        history.append((now, count))
        return Samples(self._since, now, outlook.step, {"": history})

    def new_alerts(self) -> set[str]:
        """Name the alerts that fire now, did not before, and are not provoked by our own security tests."""
        new = self._outlook.prometheus.firing_alerts() - self._outlook.alerts_before
        return {alert for alert in new if alert.partition("{")[0] not in self._stage.provoked_alerts}

    def foreign_events(self, trigger: Trigger) -> list[str]:
        """Give the log lines of the trigger's events that no probe of ours caused."""
        changed = datetime.fromtimestamp(self._outlook.changed or self._since, UTC)
        lines = self._outlook.logs.since(changed, trigger.query.split("|"))
        traced = bool(self._outlook.trace_prefix)
        ours = of_ours(self._outlook.trace_prefix, self._outlook.data_prefix)
        return [line.brief() for line in self._own.foreign(lines, ours, traced=traced)]

    def _blind(self, seconds: float, why: str) -> GateResult:
        blind = Measure("blind", "The watch must see", (), "value", "up", f"< {self._outlook.blind_limit:g}", unit="s")
        reason = f"nothing seen for {seconds:.0f} s, at most {self._outlook.blind_limit:g} s allowed: {why}"
        now = time.time()
        return GateResult(blind, Verdict.INCONCLUSIVE, seconds, 0, reason, now - seconds, now)
