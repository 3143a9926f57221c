"""Evaluate every trigger of a stage from the flag change on, and act on the first that fires.

Who observes is not who changes: the watch only asks for the rollback. Source: the checklist's "Rollback Trigger
Checklist" and the limits of the target contract.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from acceptance import tally
from acceptance.gates.figures import TriggerState
from acceptance.gates.judging import no_data
from acceptance.gates.measures import GateResult, Measure, Trigger
from acceptance.gates.series import Row, Samples
from acceptance.gates.triggers import evaluate
from acceptance.observe.log_lines import of_ours
from acceptance.observe.logs import Logs
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import beside
from acceptance.stage import Stage
from acceptance.stages.expected_events import SyntheticEvents
from acceptance.stages.watch_state import WatchState
from acceptance.verdict import Refused, Verdict

NO_ANSWER = "; no answer since"
TOO_FEW_AFTER = "; after our own probes: "


@dataclass(frozen=True)
class WatchInputs:
    """What a watch evaluates with.

    Attributes:
        job: Prometheus job of the stage's service.
        alerts_before: Alerts that already fired before the flag was set.
        trace_prefix: Log lines with a trace id like this are the suite's own; empty where services read none.
        data_prefix: What the suite's test data begins with.
        step: Seconds between evaluations: the scrape interval.
        blind_limit: Seconds without an evaluation on newer data after which the watchdog rolls the stage back.
        back: When the service was back after the flag change, unix seconds: that it was down before is no fault.
        others: Triggers of the other services: "error rate >5% for any component".
    """

    prometheus: Prometheus
    logs: Logs
    job: str
    alerts_before: frozenset[str]
    trace_prefix: str
    step: float
    blind_limit: float
    data_prefix: str = ""
    back: float = 0.0
    others: tuple[Trigger, ...] = ()


@dataclass
class _Freshness:
    """Since when there was nothing newer; by the monotonic clock, for a wall clock may jump.

    Attributes:
        newest: When the newest scrape was, unix seconds.
        since: When that was first seen, monotonic seconds.
    """

    newest: float = 0.0
    since: float = field(default_factory=time.monotonic)

    def note(self, newest: float) -> bool:
        """Note the time of the newest sample; returns whether it is newer than at the last evaluation."""
        if newest <= self.newest:
            return False
        self.newest, self.since = newest, time.monotonic()
        return True

    def blind(self) -> float:
        """Give the seconds without newer data; data that arrive, but are old, are no newer data."""
        waited = time.monotonic() - self.since
        return max(waited, time.time() - self.newest) if self.newest else waited


class Watch(threading.Thread):
    """Watches one stage; `on_fire` is called once, from this thread, with the trigger's result.

    Args:
        stage: Whose triggers.
        inputs: What to evaluate with.
        since: When the flag change began, unix seconds: what comes after it is new.
        own: Events that the suite itself provokes.
        on_fire: Asks for the rollback.
        renew: Told after each evaluation whether it was on fresh data; says why the stage was rolled back, if so.
    """

    def __init__(
        self,
        stage: Stage,
        inputs: WatchInputs,
        since: float,
        own: SyntheticEvents,
        on_fire: Callable[[GateResult], None],
        renew: Callable[[bool], str] = lambda _: "",
    ) -> None:
        super().__init__(name=f"watch of {stage.id}", daemon=True)
        self._stage = stage
        self._inputs = inputs
        self._since = since
        self._own = own
        self._on_fire = on_fire
        self._renew = renew
        self._history: dict[str, list[tuple[float, float]]] = {}
        self._triggers = {
            each.id: TriggerState(each.id, each.title, each.items, each.threshold, other=other)
            for every, other in ((stage.triggers, False), (inputs.others, True))
            for each in every
        }
        self._fresh = _Freshness()
        self._over = threading.Event()
        self.fired: GateResult | None = None
        self.evaluations = 0

    @property
    def state(self) -> WatchState:
        """How the watch stands, for people."""
        triggers, limit = tuple(self._triggers.values()), self._inputs.blind_limit
        return WatchState(self._fresh.blind(), limit, self._inputs.step, self.evaluations, triggers)

    def run(self) -> None:
        """Evaluate once every scrape interval until stopped or until a trigger fires."""
        tally.watches()
        while not self._over.wait(self._inputs.step):
            fired, before, why = None, self.evaluations, "Prometheus answers, but holds no newer sample"
            try:
                fired = self.evaluate(time.time())
            except Exception as error:  # guard: watch-holds-through-an-outage
                # A monitoring outage, or a fault of our own, is not a bad release: hold, but not for ever.
                why = str(error)
            if self._over.is_set():
                return  # the stage has ended meanwhile: what was seen may be of its rollback
            fresh = self.evaluations > before and self._fresh.blind() <= self._inputs.blind_limit
            self.fired = fired or self._blind(fresh, why)  # guard: watch-that-is-blind-for-too-long
            if self.fired:
                self._over.set()
                self._on_fire(self.fired)

    def cancel(self) -> None:
        """Let the watch end without waiting for the evaluation in progress, which then changes nothing any more."""
        self._over.set()

    def stop(self) -> None:
        """End the watch; safe from within `on_fire`."""
        self.cancel()
        if threading.current_thread() is not self and self.is_alive():
            self.join()

    def evaluate(self, now: float) -> GateResult | None:
        """Evaluate all triggers once; the first that fires, or None. Counts as an evaluation on newer data only.

        All are asked for at once: one after the other, a slow Prometheus would keep a rollback waiting for minutes.

        Raises:
            Inconclusive: None fires, and Prometheus or the log is out of reach.
        """
        newest, errors, triggers = now, [], (*self._stage.triggers, *self._inputs.others)
        answers = [beside(partial(self._samples, trigger, now)) for trigger in triggers]
        for trigger, answer in zip(triggers, answers, strict=True):
            try:
                samples = answer.result()
            except Exception as error:  # the next trigger may have the data that this one lacks
                errors.append(error)
                self._grew_old(trigger.id, now)
                continue
            if samples.up and trigger in self._stage.triggers:
                newest = min(newest, samples.newest)
            result = self._evaluated(trigger, samples)
            if result.verdict is Verdict.FAIL:
                return result
        if errors:
            raise errors[0]
        self.evaluations += self._fresh.note(newest)
        return None

    def _evaluated(self, trigger: Trigger, samples: Samples) -> GateResult:
        # Asked after the samples are: whatever of ours they hold was announced before it was counted.
        own = self._own.span(trigger.synthetic_events)[1]
        # One request may still be in flight, and its count shows with the next scrape only.
        undisturbed_since = self._own.undisturbed_since(trigger.synthetic_events) + 2 * self._inputs.step
        result = evaluate(trigger, samples, own, undisturbed_since)
        age = samples.end - samples.newest if samples.up else 0.0
        told = self._triggers.get(trigger.id)
        stood = told and (told.verdict, result.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
        if told and stood and not no_data(trigger, samples):
            # There are data; only too few came after our own probes, with which a stage often ends.
            reason = told.reason.partition(TOO_FEW_AFTER)[0] + TOO_FEW_AFTER + result.reason
            self._triggers[trigger.id] = replace(told, age_s=round(age, 1), reason=reason)
        else:
            self._note(result, age)
        return result

    def _note(self, result: GateResult, age: float) -> None:
        """Remember how a trigger stood, for people."""
        gate = result.gate
        told = self._triggers.get(gate.id) or TriggerState(gate.id, gate.title, gate.items, gate.threshold)
        self._triggers[gate.id] = replace(
            told,
            unit=gate.unit,
            value=result.value if result.value is None or math.isfinite(result.value) else None,
            evaluations=(told.evaluations or 0) + (result.verdict is not Verdict.INCONCLUSIVE),
            age_s=round(age, 1),
            verdict=result.verdict,
            reason=result.reason,
        )

    def _grew_old(self, trigger_id: str, now: float) -> None:
        """Remember for people that a trigger which had data has no answer any more."""
        told = self._triggers.get(trigger_id)
        if told and told.age_s is not None and self._fresh.newest:
            age = max(told.age_s, round(now - self._fresh.newest, 1))
            reason = told.reason.removesuffix(NO_ANSWER) + NO_ANSWER
            self._triggers[trigger_id] = replace(told, age_s=age, reason=reason)

    def _samples(self, trigger: Trigger, now: float) -> Samples:
        inputs = self._inputs
        if trigger.kind not in ("alerts", "log_events"):
            since = max(self._since, inputs.back) if trigger.kind == "value" else self._since
            return inputs.prometheus.samples(trigger, trigger.job or inputs.job, since, now, inputs.step)
        count = len(self.new_alerts() if trigger.kind == "alerts" else self.foreign_events(trigger))
        history = self._history.setdefault(trigger.id, [])
        history.append((now, count))
        return Samples(self._since, now, inputs.step, [Row({}, history)])

    def new_alerts(self) -> set[str]:
        """Name the alerts that fire now, did not before, and are not provoked by our own security tests."""
        new = self._inputs.prometheus.firing_alerts() - self._inputs.alerts_before
        return {alert for alert in new if alert.partition("{")[0] not in self._stage.provoked_alerts}

    def foreign_events(self, trigger: Trigger) -> list[str]:
        """Give the log lines of the trigger's events that no probe of ours caused."""
        lines = self._inputs.logs.since(datetime.fromtimestamp(self._since, UTC), trigger.query.split("|"))
        traced = bool(self._inputs.trace_prefix)
        ours = of_ours(self._inputs.trace_prefix, self._inputs.data_prefix)
        return [line.brief() for line in self._own.foreign(lines, ours, traced=traced)]

    def _blind(self, fresh: bool, error: str) -> GateResult | None:
        """Renew the lease after an evaluation on fresh data; says so where the watchdog has rolled the stage back."""
        try:
            why = self._renew(fresh)
        except Refused:  # the watchdog is gone: its end ends the run
            return None
        if not why:
            return None
        limit, now = self._inputs.blind_limit, time.time()
        blind = Measure("blind", "The watch must see", (), "value", "up", f"< {limit:g}", unit="s")
        result = GateResult(blind, Verdict.INCONCLUSIVE, limit, 0, f"{why}: {error}", now - limit, now)
        self._note(result, self._fresh.blind())
        return result
