"""Share one stage among its checks: its flag, its watch and its soak."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from acceptance.conduct.admission import still_in_time
from acceptance.conduct.client import RemoteConductor
from acceptance.conduct.run import Run
from acceptance.conduct.stage_state import FlagState
from acceptance.envfile.file import EnvFile
from acceptance.events import EventLog, read_events
from acceptance.finding import Finding
from acceptance.gates.figures import TriggerState
from acceptance.gates.measures import GateResult
from acceptance.kinds import HttpBroken, RollbackStarted, TriggerFired
from acceptance.observe.growth import grown
from acceptance.observe.label_standard import metric_findings, uncounted_bytes
from acceptance.observe.log_comparison import Comparison, compare
from acceptance.observe.log_lines import LogLine, of_ours
from acceptance.observe.logs import Logs
from acceptance.observe.new_path import NewPath
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import restarted_since, starts
from acceptance.record.deployment import restarts
from acceptance.stage import Stage
from acceptance.stages.expected_events import SyntheticEvents, visible
from acceptance.stages.log_with_flag_on import log_findings
from acceptance.stages.other_services import error_rates
from acceptance.stages.own_requests import OwnRequests
from acceptance.stages.progress import Tell
from acceptance.stages.soak import SoakReport, Traffic, soak
from acceptance.stages.watch import Watch, WatchInputs
from acceptance.stages.watch_state import WatchState
from acceptance.target.model import Service, ServiceKey, Target
from acceptance.verdict import Inconclusive, Refused, Untouched, Verdict, verdict_of


@dataclass
class StageWork:
    """What the checks of one stage share.

    Attributes:
        end: Called when a trigger fires.
        others: The other stages: the watch also sees the error rates of their services.
        tell: Shows how the soak goes.
        before: What the flag-off checks found, by what it is of, for those that compare with it.
        user_triggers: What only our own traffic finds, as it stood last.
        begun: When the first check of the stage asked for it.
        _process_start: When the service's process with the flag on began, unix seconds; 0 until then.
        _others_start: When the newest process of each other service began that this flag is not to restart.
        _logged_before: What the service had logged before the flag was switched on.
    """

    stage: Stage
    target: Target
    run: Run
    conductor: RemoteConductor
    events: EventLog
    end: Callable[[Verdict, str], None]
    synthetic: SyntheticEvents = field(default_factory=SyntheticEvents)
    watch: Watch | None = None
    tell: Tell | None = None
    others: tuple[Stage, ...] = ()
    before: dict[str, list[Any]] = field(default_factory=dict)
    user_triggers: dict[str, TriggerState] = field(default_factory=dict)
    _soaked: SoakReport | None = None
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    _process_start: float = 0.0
    _others_start: dict[ServiceKey, float] = field(default_factory=dict)
    _logged_before: tuple[LogLine, ...] = ()

    def __post_init__(self) -> None:
        """Fill the queries in for this target's Prometheus job."""
        if self.stage.service in self.target.services:
            stage = self.stage.on(self.target)
            self.stage = replace(stage, triggers=visible(stage.triggers, self.service.log_format))

    def foreign(self, lines: Iterable[LogLine]) -> list[LogLine]:
        """Give the lines of security events that no request of ours caused."""
        traced = bool(self.target.trace_header)
        ours = of_ours(self.run.trace_prefix if traced else "", self.run.prefix)
        return self.synthetic.foreign(lines, ours, traced=traced)

    @contextmanager
    def breaking_http(self) -> Iterator[None]:
        """Record when a request broke HTTP: who looks back later tells by the time what the server logged of it."""
        began = time.time()
        try:
            yield
        finally:
            HttpBroken(service=self.service.name, seconds=time.time() - began).tell(self.events)

    @property
    def service(self) -> Service:
        """The service that the stage restarts."""
        return self.target.service(self.stage.service)

    @cached_property
    def prometheus(self) -> Prometheus:
        """The target's Prometheus."""
        return Prometheus.of(self.target)

    @cached_property
    def new_path(self) -> NewPath:
        """What shows that the stage's new path is at work."""
        return NewPath(self.stage, self.target, self.prometheus)

    @cached_property
    def logs(self) -> Logs:
        """The log of the stage's service."""
        return Logs.of(self.service)

    @cached_property
    def alerts_before(self) -> frozenset[str]:
        """The alerts that fired before the stage changed anything."""
        return frozenset(self.prometheus.firing_alerts())

    def flag(self, value: bool) -> FlagState:
        """Set the flag; once it is on, the watch evaluates its triggers until the stage ends."""
        if self.run.mode == "survey":  # there is nothing to watch, and perhaps nothing to watch it with
            return self.conductor.set_flag(self.stage, value)
        before, first_on = self.alerts_before, value and self.watch is None
        if first_on:
            with suppress(Inconclusive):  # the log is asked for again, and must answer then
                self._logged_before = self.logs.read(self.begun).lines
            self._others_start = dict(self._left_alone())
        state = self.conductor.set_flag(self.stage, value)
        if value and not self._process_start:
            self._process_start = max(starts(self.service, self.target, self.prometheus), default=0.0)
        if first_on:
            self._begin_watch(state, before)
        return state

    def _begin_watch(self, state: FlagState, alerts_before: frozenset[str]) -> None:
        step = self.target.scrape_interval_s
        inputs = WatchInputs(
            prometheus=self.prometheus,
            logs=self.logs,
            job=self.service.job,
            alerts_before=alerts_before,
            trace_prefix=self.run.trace_prefix if self.target.trace_header else "",
            data_prefix=self.run.prefix,
            step=step,
            blind_limit=self.stage.lease_seconds(step),
            back=state.since,
            others=tuple(error_rates(each.on(self.target) for each in self.others)),
        )
        renew = partial(self.conductor.renew, self.stage.id)
        self.watch = Watch(self.stage, inputs, state.intended, self.synthetic, self._fired, renew)
        self.watch.start()

    def soak(self, traffic: Traffic) -> SoakReport:
        """Soak the stage, once; later calls give the same report."""
        if self._soaked is None:
            seconds = self.stage.soak_s(self.target)
            if late := still_in_time(self.target, self.stage, seconds / 60, self.run.outside_window):
                raise Refused(late)
            self._soaked = soak(
                self.stage,
                self.prometheus,
                self.service.job,
                traffic,
                seconds=seconds,
                step=self.target.scrape_interval_s,
                per_minute=self.target.traffic_per_minute,
                stopped=self._stopped,
                watch=lambda: self.watched,
                tell=self.tell,
            )
        return self._soaked

    def _left_alone(self) -> Iterator[tuple[ServiceKey, float]]:
        """Give the other services that the flag's restart command is not to restart, and when each began."""
        own = self.service
        for other in self.target.services.values():
            if other.restart == own.restart or (other.job, other.started) == (own.job, own.started):
                continue  # one command for both, or one process
            with suppress(Inconclusive):
                if seen := starts(other, self.target, self.prometheus):
                    yield other.key, max(seen)

    def restarted_unasked(self) -> list[Finding]:
        """Name the processes that began anew since the flag was switched on: of its service, and of the others.

        Raises:
            Inconclusive: No process is seen now.
            Untouched: Nobody switched it on.
        """
        if self.run.mode == "survey":
            raise Untouched("a survey switches nothing on, so nothing is known of a process since then")
        seen = (self.target, self.prometheus)
        found = restarted_since(self._process_start, self.service, *seen)
        for key, start in self._others_start.items():
            found += restarted_since(start, self.target.services[key], *seen, "restarted too")
        return found

    def log_compared(self, flag: FlagState) -> Comparison:
        """Compare the service's log since its flag was about to be switched on with the time before.

        What earlier runs provoked is no level of users; what this run's own requests leave is what is judged.

        Raises:
            Inconclusive: It cannot be read, or does not cover that time.
        """
        earlier = OwnRequests(self.target, self.run, this_run=False).leave_out(self.service)
        change, back = (datetime.fromtimestamp(each, UTC) for each in (flag.intended, flag.since))
        return compare(self.logs, change, datetime.now(UTC), foreign=earlier, back=back)

    def log_findings(self, flag: FlagState) -> list[Finding]:
        """Name what is wrong with the service's log since its flag was switched on.

        Raises:
            Inconclusive: It cannot be read.
        """
        change, traced = datetime.fromtimestamp(flag.intended, UTC), self.run.trace_prefix
        spells = restarts(read_events(self.run.events), self.service)
        return log_findings(
            self.target, self.service, self.run.started, self.begun, change, traced, self._logged_before, spells
        )

    def metric_findings(self, soaked: SoakReport, used: Collection[str]) -> list[Finding]:
        """Name what is wrong with the metrics of the stage's new path, these operations of which were used.

        Raises:
            Inconclusive: Prometheus is out of reach, or does not scrape the service.
        """
        job, patience, seconds = self.service.job, self.target.scrape_patience_s, time.time() - soaked.start
        return metric_findings(
            self.prometheus, job, self.stage.metrics, patience, used=used, ours=self.run.prefix, seconds=seconds
        )

    def uncounted_bytes(self, soaked: SoakReport, documents: Iterable[Mapping[str, Any]]) -> list[Finding]:
        """Say that the service counts fewer bytes than these documents of this run hold.

        Raises:
            Inconclusive: Prometheus is out of reach.
        """
        stored = sum(document["size_bytes"] for document in documents)
        seconds = time.time() - soaked.start
        return uncounted_bytes(self.prometheus, self.service.job, self.stage.metrics, stored, seconds)

    def grown(self, soaked: SoakReport) -> list[Finding]:
        """Name what grew in the stage's service over a soak, more than in a sound one: files, memory, threads.

        Raises:
            NotApplicable: It does not say what it holds.
            Inconclusive: Prometheus is out of reach, or does not scrape the service.
        """
        return grown(self.prometheus, self.service.job, soaked.start, soaked.sent, self.target.scrape_patience_s)

    def _stopped(self) -> str:
        """Say why the soak must end now: a trigger fired, or the watchdog or somebody else switched the flag."""
        if self.watch and self.watch.fired:
            return self.watch.fired.reason
        drift = EnvFile(self.target.env_file).drift(self.target.flags[self.stage.id], value=True)
        if drift is None:
            return ""
        begun = RollbackStarted.last(read_events(self.run.events))
        return begun.reason if begun.stage == self.stage.id else str(drift)

    @property
    def watched(self) -> WatchState | None:
        """How the watch stands, with the triggers of our own traffic among its own."""
        return replace(self.watch.state, triggers=self.triggers) if self.watch else None

    @property
    def triggers(self) -> tuple[TriggerState, ...]:
        """How every trigger stands: those of the watch, and those of our own traffic."""
        watched = self.watch.state.triggers if self.watch else ()
        return (*watched, *self.user_triggers.values())

    def cancel(self) -> None:
        """Let the watch end, without waiting for it."""
        if self.watch:
            self.watch.cancel()

    def close(self) -> None:
        """End the watch."""
        if self.watch:
            self.watch.stop()

    def _fired(self, fired: GateResult) -> None:
        event = TriggerFired(
            stage=self.stage.id,
            trigger=fired.gate.id,
            items=fired.gate.items,
            value=fired.value,
            threshold=fired.gate.threshold,
            reason=f"{fired.gate.title}: {fired.reason}",
            verdict=fired.verdict.value,
        )
        self.end_for(event)

    def end_for(self, fired: TriggerFired) -> None:
        """Tell that a trigger fired, and end the stage for it."""
        try:
            fired.tell(self.events)
        finally:  # a full disk must not keep the rollback from happening
            self.end(verdict_of(fired.verdict), f"trigger {fired.trigger}: {fired.reason}")
