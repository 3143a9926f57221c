"""Switch a stage on and back, prove that the old behaviour is there, and time it.

Source: checklist item pre.technical.2; the rollback plan's limits ("rollback within") stand in each `stage.toml`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from threading import Event, Thread
from typing import Any

from acceptance.conduct.client import RemoteConductor
from acceptance.conduct.run import Run
from acceptance.conduct.services import are_newer
from acceptance.conduct.testdata import new_ids
from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding
from acceptance.gates.measures import Measure
from acceptance.observe.health import health_fault, healthy_answer
from acceptance.observe.new_path import NewPath
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import starts
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.probes.traffic import senders
from acceptance.stage import Stage
from acceptance.target.model import Target
from acceptance.target.parts import Service
from acceptance.verdict import Refused, RollbackFailed

REVIEW_S = 60.0
"""Longest time, in seconds, until a worker that sleeps before it asks for tasks again takes one (contract)."""

_RENEWED_S = 1.0
_ATTENDED_S = 6 * REVIEW_S
"""Seconds for which a drill may keep its flag on: a request to each service, and what it waits for then, take less."""


@dataclass(frozen=True)
class Drill:
    """The account of one drill.

    Attributes:
        flag_on_s: Seconds from the restart's start until the service was back with the flag on; None if it was not.
        rollback_s: Seconds from the decision until the old behaviour was back; None if it did not come back.
        allowed_s: What the rollback plan allows, in seconds.
        account: What the rollback did, in its own words.
        findings: What is wrong afterwards; empty for a good drill.
        metrics: When asked for: by moment (before, flag_on, after) the values of the stage's measures.
    """

    stage: str
    flag: str
    flag_on_s: float | None
    rollback_s: float | None
    allowed_s: float
    account: str
    findings: Sequence[Finding]
    metrics: Mapping[str, Mapping[str, float | None]]

    def as_json(self) -> dict[str, Any]:
        """Give the account for the record."""
        return asdict(self) | {"findings": [str(each) for each in self.findings]}


def drill(target: Target, stage: Stage, conductor: RemoteConductor, run: Run, *, record_metrics: bool) -> Drill:
    """Switch the stage's flag on, use the service, and roll it back.

    A flag without an effect is a finding: where the service ignores it, going back proves nothing.

    Raises:
        Refused: Nothing was changed: the flag is not false, or it is outside the window.
        MutationFailed: The flag could not be switched on; the end of the hold restores it.
        Inconclusive: Prometheus does not answer.
    """
    prometheus = Clients(target).prometheus
    service = target.service(stage.service)
    metrics: dict[str, Mapping[str, float | None]] = {}

    def measure(moment: str) -> None:
        if record_metrics:
            metrics[moment] = measured(stage, prometheus, service.job)

    before = target.env_file.read_bytes()
    measure("before")
    state = conductor.set_flag(stage, True)
    account, seconds, findings = "", None, list[Finding]()
    try:
        conductor.expect_data(run.prefix)
        with lease_renewed(conductor, stage.id, _ATTENDED_S):
            findings += without_effect(target, stage, run)
            measure("flag_on")
        switched = starts(service, target, prometheus)
        if done := conductor.rollback(stage.id, "rollback drill"):
            account, seconds = done.account, done.seconds
    except RollbackFailed as error:
        findings.append(Finding("rollback failed", stage.id, "the old behaviour", str(error)))
    measure("after")
    allowed = stage.rollback_minutes * 60
    findings += _not_restored(target, stage, before)
    findings += _not_back(target, service, switched, starts(service, target, prometheus))
    findings += overdue(seconds, allowed)
    on_s = state.restarted.seconds if state.restarted else None
    return Drill(stage.id, target.flags[stage.id], on_s, seconds, allowed, account, findings, metrics)


def without_effect(target: Target, stage: Stage, run: Run) -> list[Finding]:
    """Find a flag without effect: after one request to each service, nothing of the new path shows."""
    faults = [
        fault for _, fault in (send() for send in senders(target, new_ids(run.prefix), run.trace_prefix).values())
    ]
    patience = target.scrape_patience_s + (REVIEW_S if stage.request == "review" else 0)
    path = NewPath(stage, target, Clients(target).prometheus)
    if poll(lambda: path.seen(surely=False), bool, patience):
        return []
    answers = "; ".join(filter(None, faults)) or "all were answered well"
    expected = f"{path} after a request to each service"
    none = f"none for {patience:g} s ({answers}); so the rollback is not proved"
    return [Finding("no effect", "the flag has no effect", expected, none)]


@contextmanager
def lease_renewed(conductor: RemoteConductor, stage_id: str, seconds: float) -> Iterator[None]:
    """Renew a stage's lease while a command uses its flag, for at most `seconds`; a command has no watch that does so.

    A command that is stopped or killed renews nothing, and its flag is rolled back as that of a run.
    """
    over, end = Event(), time.monotonic() + seconds

    def renew() -> None:
        with suppress(Refused):  # the watchdog is gone, which the next call tells
            while not over.wait(_RENEWED_S) and time.monotonic() < end:
                conductor.renew(stage_id)

    thread = Thread(target=renew, name="lease of the drill", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def overdue(seconds: float | None, allowed_s: float) -> list[Finding]:
    """Say whether a rollback took longer than the rollback plan allows, or has no time at all."""
    if seconds is not None and seconds <= allowed_s:
        return []
    found = "none" if seconds is None else f"{seconds:.1f} s"
    return [Finding("late", "the rollback", f"it within {allowed_s:g} s", found)]


def measured(stage: Stage, prometheus: Prometheus, job: str) -> dict[str, float | None]:
    """Give the service's state and the raw values behind the stage's gates now, None where no series is."""
    queries = {"up": 'up{job="$job"}', "process_start_time_seconds": 'process_start_time_seconds{job="$job"}'}
    queries |= {f"{gate.id}.{name}": text for gate in stage.gates for name, text in _counters(gate) if text}
    return {name: _value(prometheus, query.replace("$job", job)) for name, query in queries.items()}


def _counters(gate: Measure) -> tuple[tuple[str, str], ...]:
    return (("query", gate.query if gate.kind in ("count", "ratio", "value") else ""), ("total", gate.total))


def _value(prometheus: Prometheus, query: str) -> float | None:
    found = prometheus.instant(query)
    return sum(sample.value for sample in found) if found else None


def _not_back(
    target: Target, service: Service, switched: Sequence[float], started: Sequence[float]
) -> Iterator[Finding]:
    """Say that a service is not healthy after the rollback, or not newer than its processes with the flag on."""
    if fault := health_fault(service, target.http_timeout_s):
        yield Finding("not healthy", service.name, f"{healthy_answer(service)} after the rollback", fault)
    if not switched or not are_newer(started, switched):
        expected = f"{len(switched)} processes newer than {switched} after the rollback"
        yield Finding("not restarted", service.name, expected, str(started))


def _not_restored(target: Target, stage: Stage, before: bytes) -> list[Finding]:
    flag = target.flags[stage.id]
    if EnvFile(target.env_file).flag(flag):
        step = f"set it to false and restart {stage.service}"
        return [Finding("flag still on", f"{target.env_file}: {flag}", "false", "true", next_step=step)]
    if target.env_file.read_bytes() != before:
        return [Finding("changed file", str(target.env_file), "it byte for byte as before the drill", "it changed")]
    return []
