"""Restart a service and prove that it really restarted.

A make target that ends with 0 proves nothing: it may do nothing at all. Proof is a newer process start time, by what
the target file names (a metric, Docker, systemd, `/proc`, a command), and a healthy answer.
Source: checklist items `*.deploy.*` and `*.rollout.2`; contract, "Services".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from acceptance import process
from acceptance.observe.exported import await_scrape, last_attempt
from acceptance.observe.health import health_fault, healthy_answer, is_healthy
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import clock, shown_by, starts
from acceptance.polling import beside, poll
from acceptance.probes.telegram.serving import serve
from acceptance.redact import cut_front
from acceptance.target.model import Service, ServiceKey, Target
from acceptance.verdict import Inconclusive, MutationFailed, NothingRestarted

_GLANCE_S = 1.0
"""Seconds that a rollback gives Prometheus to say how a service stands, before it restarts the service."""


@dataclass(frozen=True)
class Restarted:
    """What a restart did.

    Attributes:
        started_before: Start of the newest process before, unix seconds; None when none was seen.
        started_after: Start of the oldest process after; None when that could not be seen.
        seconds: From the command's start until the service was seen back.
    """

    service: str
    command: str
    exit_code: int
    output: str
    started_before: float | None
    started_after: float | None
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether a newer process was seen."""
        return self.started_after is not None and self.started_after > (self.started_before or 0)


@dataclass(frozen=True)
class _Before:
    """How a service stood: start times of its processes, and its last scrape, None where that is not asked for."""

    starts: Sequence[float]
    scraped: float | None


class Restarter:
    """Restarts services of one target by the target file's commands."""

    def __init__(self, target: Target, prometheus: Prometheus) -> None:
        self._target = target
        self._prometheus = prometheus

    def restart(self, key: str, *, need_proof: bool = True) -> tuple[Restarted, ...]:
        """Restart `bot`, `worker`, `api` or `all` and wait until each service is back.

        Without `need_proof` a Prometheus that does not answer is no obstacle: a rollback must not wait for it.

        Returns:
            One account for each service that the command restarts.

        Raises:
            MutationFailed: The command failed, a service is not healthy in time, or no newer process was seen.
            NothingRestarted: Of these the last, where the processes are those of before.
        """
        services = list(self._target.services.values()) if key == "all" else [self._target.service(key)]
        command = self._target.restart_all if key == "all" else services[0].restart
        serve(self._target)  # a bot that cannot reach us as it starts may end
        asked = self._ask(services, need_proof=need_proof)
        begin, since = time.monotonic(), math.inf if key == "all" else time.time()
        exit_code, output = process.run(command, self._target.infra_dir, self._target.restart_timeout_s)
        if exit_code:  # guard: exit-code-of-the-restart-command
            said = f": {cut_front(output, 400)}" if output.strip() else ", and said nothing"
            raise MutationFailed(f"«{command}» in {self._target.infra_dir} ended with {exit_code}, expected 0{said}")
        before = {
            key: answer.result() if need_proof or not answer.exception() else _Before([], 0.0)
            for key, answer in asked.items()
        }
        blind = not need_proof and not any(one.starts for one in before.values())
        return tuple(
            Restarted(
                service=service.name,
                command=command,
                exit_code=exit_code,
                output=output,
                started_before=max(before[service.key].starts, default=None),
                started_after=self._back(service, before[service.key], since, blind=blind, need_proof=need_proof),
                seconds=time.monotonic() - begin,
            )
            for service in services
        )

    def _ask(self, services: Sequence[Service], *, need_proof: bool) -> Mapping[ServiceKey, Future[_Before]]:
        """Ask for the state of services before a restart; a rollback does not wait long for Prometheus.

        A late one tells of now all the same: it is asked for that moment.
        """
        now = None if need_proof else time.time()
        asked = {service.key: beside(partial(self._before, service, now)) for service in services}
        wait([asked[service.key] for service in services if need_proof or service.started != "metric"])
        wait(asked.values(), _GLANCE_S)
        return asked

    def _before(self, service: Service, now: float | None) -> _Before:
        seen = self._started(service, now)
        if now is None or service.started != "metric":
            return _Before(seen, None)
        return _Before(seen, self._scraped(service, now) if seen else 0.0)

    def _back(self, service: Service, before: _Before, since: float, *, blind: bool, need_proof: bool) -> float | None:
        """Wait until a service is healthy and, unless Prometheus is blind, newer processes of it are seen.

        Args:
            service: Which.
            before: How it stood then.
            since: When it alone was restarted, unix seconds.
            blind: Whether no process was seen then, and no proof is needed.
            need_proof: Whether a new process must be seen.
        """
        timeout = self._target.http_timeout_s
        # guard: service-must-be-healthy-again
        self._wait(
            lambda: is_healthy(service, timeout),
            f"{service.name}: {healthy_answer(service)}",
            lambda: f"found {health_fault(service, timeout) or 'it, too late'}",
        )
        if blind:
            return None
        wanted = f"{len(before.starts)} processes" if len(before.starts) > 1 else "a process"
        than = f" newer than {clock(max(before.starts), '%Y-%m-%d %H:%M:%S')}" if before.starts else ""
        claim = f"{service.name}: {shown_by(service)} shows {wanted}{than}"
        try:
            after: float | None = self._wait(
                lambda: self._newer(service, before.starts), claim, lambda: f"found {self._shown(service)}"
            )
        except MutationFailed as error:
            if before.scraped is not None and self._has_no_data(service, before.scraped):
                return None  # the service answers, and another restart would show no more
            if before.starts and sorted(self._started(service)) == sorted(before.starts):
                raise NothingRestarted(f"{error}{self._elsewhere(service, since)}") from error
            raise
        if service.started != "metric" and need_proof:  # its counters begin at 0; a rollback does not wait for it
            await_scrape(self._prometheus, service.job, self._target.scrape_patience_s)
        return after

    def _has_no_data(self, service: Service, scraped: float) -> bool:
        """Tell whether Prometheus has no newer data of a service: it is stale or gone, or cannot scrape it."""
        return not self._started(service) or self._scraped(service) <= scraped

    def _elsewhere(self, service: Service, since: float) -> str:
        """Say that a new process is seen under other services' jobs: Prometheus may scrape this one as them."""
        others = [each for each in self._target.services.values() if each.job != service.job]
        new = [each.job for each in others if self._newer(each, [since])]
        return (
            f", and at what Prometheus scrapes as job {' and '.join(new)}: a process began there since" if new else ""
        )

    def _scraped(self, service: Service, at: float | None = None) -> float:
        try:
            return last_attempt(self._prometheus, service.job, at)
        except Inconclusive:
            return 0.0

    def _started(self, service: Service, at: float | None = None) -> list[float]:
        try:
            return starts(service, self._target, self._prometheus, at)
        except Inconclusive:
            return []

    def _newer(self, service: Service, before: Sequence[float]) -> float | None:
        after = self._started(service)
        return min(after) if are_newer(after, before) else None

    def _shown(self, service: Service) -> str:
        """Say which processes are seen now, or why none is."""
        try:
            seen = starts(service, self._target, self._prometheus)
        except Inconclusive as error:
            return f"no answer: {error}"
        return ", ".join(clock(each, "%Y-%m-%d %H:%M:%S") for each in seen) or "none"

    def _wait(self, condition: Callable[[], Any], claim: str, found: Callable[[], str]) -> Any:
        patience = self._target.restart_timeout_s
        seen = poll(condition, bool, patience, every=0.2)
        if not seen:
            raise MutationFailed(f"expected within {patience:g} s: {claim}; {found()}; look at the service's log")
        return seen


def are_newer(after: Sequence[float], before: Sequence[float]) -> bool:
    """Tell whether a service has restarted: as many processes as before or more, all newer than the newest was.

    Where a job has several instances, one that was left out of a restart still runs the old code.

    Args:
        after: Start times in unix seconds.
        before: Likewise; empty when none was seen.
    """
    return len(after) >= max(1, len(before)) and min(after) > max(before, default=0)
