"""List every change, command, request and query that a run would make, in order, and make none.

Only the target file, the env file and the journal are read. Source: issue "Never half-switched", item 7.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from acceptance.conduct.admission import Selected, late, refusal
from acceptance.conduct.journal import Journal
from acceptance.envfile.file import EnvFile
from acceptance.gates.measures import Measure
from acceptance.observe.collections import OWNED
from acceptance.observe.new_path import NewPath
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import shown_by
from acceptance.planning.side_effects import count, side_effects
from acceptance.stage import Stage
from acceptance.target.model import Target
from acceptance.verdict import RecoveryNeeded, Refused

_LABEL = 12


@dataclass
class Plan:
    """What would be done, as lines of text, and what would refuse it."""

    target: Target
    stages: Mapping[str, Stage]
    checks: Sequence[Selected]
    mode: str
    outside_window: str
    now: datetime
    width: int = 80
    refusals: list[str] = field(default_factory=list)
    changes: int = 0
    restarts: int = 0

    def lines(self) -> Iterator[str]:
        """Give the whole plan; afterwards `refusals` is complete."""
        if why := refusal(self.target, self.stages, self.checks, self.outside_window, self.now):
            self.refusals.append(why)
        yield f"PLAN for target {self.target.name} ({self.target.kind}), mode {self.mode}: nothing is changed"
        whole = list(self._whole())
        yield from self._summary()
        yield from whole
        for why in self.refusals:
            yield from self._row("REFUSED", why)

    def _whole(self) -> Iterator[str]:
        yield from self._beginning()
        start = self.now
        for stage in self.stages.values():
            if mine := [check for check in self.checks if check.stage == stage.id]:
                yield from self._stage(stage, mine, start)
                start += timedelta(minutes=stage.planned_minutes)
        yield from self._ending()

    def _summary(self) -> Iterator[str]:
        """Summarise the plan in a few lines."""
        of_it = [stage for stage in self.stages.values() if any(check.stage == stage.id for check in self.checks)]
        soaks = {check.stage for check in self.checks if "soaked" in check.fixtures}
        soak = sum(stage.soak_s(self.target) for stage in of_it if stage.id in soaks) / 60
        looks = [check for check in self.checks if not check.changes and not check.writes]
        writes = [check for check in self.checks if check.writes]
        yield "summary"
        yield from self._row("refused", "; ".join(self.refusals) or "no")
        yield from self._row("effect", f"{count(self.changes, 'flag change')}, {count(self.restarts, 'restart')}")
        planned = sum(self._minutes(stage, soaks=stage.id in soaks) for stage in of_it)
        yield from self._row("time", f"{planned:.3g} min planned, of them {soak:.3g} min soak")
        if self.target.provider:
            own = "env file, folders and addresses are the checklist's; the target that is started has its own"
            yield from self._row("defaults", own)
        yield from self._row("checks", f"{len(self.checks)}, of which {len(looks)} only look")
        yield from self._row("test data", f"by {count(len(writes), 'check')}, removed at the end" if writes else "none")

    def _minutes(self, stage: Stage, *, soaks: bool) -> float:
        """Give the minutes that a stage takes by its plan, with a soak as long as this target's."""
        return stage.planned_minutes - soaks * (stage.soak_minutes - stage.soak_s(self.target) / 60)

    def _beginning(self) -> Iterator[str]:
        target = self.target
        if target.provider:
            yield from self._row("command", f"{target.provider} (starts the target)")
        for item, asked in target.evidence.items():
            yield from self._row("command", f"{asked.command} (where {item} is asked)")
        if target.provider:
            return  # its env file, with the journal beside it, is not there yet
        yield from self._row("lock", f"{target.journal_dir}/target.lock")
        yield from self._row("journal", f"open {target.journal_file}")
        try:
            for entry in Journal(target.journal_file, "plan").pending():
                yield from self._row("recovery", f"undo «{entry.what}» that run {entry.run} left, before anything else")
        except RecoveryNeeded as error:
            self.refusals.append(str(error))

    def _stage(self, stage: Stage, checks: Sequence[Selected], start: datetime) -> Iterator[str]:
        soaks = any("soaked" in check.fixtures for check in checks)
        minutes = f"{self._minutes(stage, soaks=soaks):.3g} min planned"
        minutes += f", soak {stage.soak_s(self.target) / 60:.3g} min" if soaks else ""
        yield f"stage {stage.id}: {stage.title}: {count(len(checks), 'check')}, {minutes}"
        if stage.service not in ("", "all", *self.target.services):
            yield from self._row("absent", f"{stage.service}, by ABSENT of the target file: NOT APPLICABLE")
            return
        if any(check.changes for check in checks):
            yield from self._row("window", self._window(stage, start))
            if stage.flagged:
                limit = stage.lease_seconds(self.target.scrape_interval_s)
                yield from self._row("lease", f"{limit:g} s: rolled back when not evaluated on fresh data for so long")
        on, begun = False, False
        for phase, group in groupby(checks, key=lambda check: check.phase):
            found = list(group)
            yield f"  {phase} ({count(len(found), 'check')})"
            for check in found:
                if check.wants_flag is not None and not begun:
                    begun = True
                    self._look_at_flag(stage)
                if check.wants_flag is not None and check.wants_flag is not on:
                    on = check.wants_flag
                    yield from self._switch(stage, on)
                if check.restarts:
                    yield from self._restart(stage)
            for label, words in side_effects(self.target, found):
                yield from self._row(label, words)
            if any("soaked" in check.fixtures for check in found) and soaks:
                soaks = False
                yield from self._soak(stage)
        if on:
            yield from self._leave(stage)

    def _switch(self, stage: Stage, value: bool) -> Iterator[str]:
        flag, word = self.target.flags[stage.id], str(value).lower()
        self.changes += 1
        yield from self._row("journal", f"{flag} {str(not value).lower()} -> {word}")
        yield from self._row("change", f"{flag}={word} in {self.target.env_file}")
        yield from self._restart(stage, journal=False)
        if value:
            step = self.target.scrape_interval_s
            yield from self._row("query", f"{self.target.prometheus_url}/api/v1/alerts: what fires before")
            yield from self._row("watch", f"from here on every {step:g} s, {count(len(stage.triggers), 'trigger')}:")
            for trigger in stage.on(self.target).triggers:
                yield from self._query(f"{trigger.id} fires at {trigger.threshold}", trigger)

    def _restart(self, stage: Stage, *, journal: bool = True) -> Iterator[str]:
        self.restarts += 1
        target = self.target
        services = [one for one in target.services.values() if stage.service in (one.key, "all")]
        commands = {one.key: one.restart for one in services} | {"all": target.restart_all}
        if journal:
            yield from self._row("journal", f"restart {stage.service or 'the service'}")
        yield from self._row("command", f"{commands.get(stage.service, target.restart_all)}  (in {target.infra_dir})")
        for one in services:
            yield from self._row("request", f"GET {one.health_url}, until it answers, {target.restart_timeout_s:g} s")
            yield from self._row("query", f"{shown_by(one)}: when it started, until that is newer")

    def _soak(self, stage: Stage) -> Iterator[str]:
        seconds, rate = stage.soak_s(self.target), self.target.traffic_per_minute
        most = -(-seconds * rate // 60)
        yield from self._row("soak", f"{seconds:g} s of traffic, at most {most:g} requests ({rate} a minute)")
        yield from self._row(
            "query", "time() and /api/v1/status/runtimeinfo, before and after: the clock, and no restart"
        )
        for gate in stage.on(self.target).gates:
            yield from self._query(f"gate {gate.id} holds at {gate.threshold}", gate)

    def _leave(self, stage: Stage) -> Iterator[str]:
        self.changes += self.mode != "deploy"
        if self.mode == "deploy":
            yield from self._row("keep", f"{self.target.flags[stage.id]}=true if the exit gate accepts, else rollback:")
        else:
            yield "  restore (it is a rehearsal)"
        yield from self._row("change", f"{self.target.flags[stage.id]} back in {self.target.env_file}")
        yield from self._restart(stage, journal=False)
        service = self.target.service(stage.service)
        yield from self._row("request", f"{stage.request} as a user, and what was stored before again: {service.name}")
        shows = NewPath(stage, self.target, Prometheus.of(self.target))
        yield from self._row("look", f"for {shows}, after that: none is the old path")

    def _ending(self) -> Iterator[str]:
        yield "end"
        if any(check.writes for check in self.checks):
            roots = {self.target.storage.root, self.target.storage.legacy_root, *self.target.storage.watch_dirs}
            yield from self._row("remove", f"what bears the run's prefix from {', '.join(sorted(map(str, roots)))}")
            yield from self._row("remove", f"and from MongoDB's {', '.join(OWNED)}")
        yield from self._row("journal", "close")

    def _look_at_flag(self, stage: Stage) -> None:
        """Note what would refuse a change of the stage's flag; a provided target has no env file yet."""
        if self.target.provider:
            return
        env, flag = EnvFile(self.target.env_file), self.target.flags[stage.id]
        try:
            if flag not in env.read() and any("add_flags" in check.fixtures for check in self.checks):
                return  # a check before it adds it
            found = [str(finding) for finding in env.refusals([flag])]
            if not found and env.flag(flag):
                found = [f"{env.path}: {flag} is already true; expected false before its stage"]
            self.refusals += found
        except Refused as error:
            self.refusals.append(str(error))

    def _window(self, stage: Stage, start: datetime) -> str:
        if self.target.kind != "production":
            return f"not asked for on a {self.target.kind} target; the next is {self.target.window.next(self.now)}"
        at = f"would begin {start:%a %Y-%m-%d %H:%M} UTC"
        if self.outside_window:
            return f"{at}; not asked for: {self.outside_window}"
        if why := late(self.target, stage, "", start):
            return f"{at}, NOT RUN: {why}"
        return f"{at} and fits, its rollback of {stage.rollback_minutes:g} min included"

    def _query(self, what: str, measure: Measure) -> Iterator[str]:
        label = "events" if measure.kind == "log_events" else "query"
        yield from self._row(
            label, f"{what}: {measure.shown}" + (f"  of {measure.shown_total}" if measure.total else "")
        )

    def _row(self, label: str, text: str) -> Iterator[str]:
        lines = textwrap.wrap(text, self.width - 4 - _LABEL, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines or [""]):
            yield f"    {label if number == 0 else '':<{_LABEL}}{line}"
