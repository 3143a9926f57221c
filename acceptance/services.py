"""Restarting a service and proving that it really restarted.

A make target that ends with 0 proves nothing: ``docker compose restart`` does not reload an env file, and a target
may do nothing at all. Proof is a newer process start time, seen by Prometheus, and a healthy answer.
Source: checklist items ``*.deploy.*`` and ``*.rollout.2``; contract, "Services".
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from acceptance.observe.prometheus import Prometheus
from acceptance.target import Service, Target
from acceptance.verdict import Inconclusive, MutationFailed


@dataclass(frozen=True)
class Restarted:
    """What a restart did.

    Attributes:
        started_before: Process start before, unix seconds; None when nothing was scraped.
        started_after: Process start after, as Prometheus saw it; None when that could not be seen.
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
        """Whether Prometheus saw a newer process."""
        return self.started_after is not None and self.started_after > (self.started_before or 0)

    def as_json(self) -> dict[str, Any]:
        """Give the facts for the event log."""
        return asdict(self)


class Restarter:
    """Restarts services of one target by the target file's commands."""

    def __init__(self, target: Target, prometheus: Prometheus) -> None:
        self._target = target
        self._prometheus = prometheus

    def restart(self, key: str) -> Restarted:
        """Restart a service (``bot``, ``worker`` or ``api``) and wait until it is back.

        Raises:
            MutationFailed: The command failed, the service is not healthy in time, or no newer process was seen.
        """
        service = self._target.services[key]
        before = self._started(service)
        begin = time.monotonic()
        exit_code, output = run_command(service.restart, self._target)
        facts = {"service": service.name, "command": service.restart, "exit_code": exit_code, "output": output}
        if exit_code:
            raise MutationFailed(
                f"«{service.restart}» in {self._target.infra_dir} ended with {exit_code}, expected 0: {output[-400:]}"
            )
        self._wait(lambda: is_healthy(service, self._target.http_timeout_s), f"{service.url}/health answers 200")
        after = self._wait(
            lambda: self._newer(service, before),
            f"Prometheus sees a process of job {service.job} that started after the one before ({before})",
        )
        return Restarted(started_before=before, started_after=after, seconds=time.monotonic() - begin, **facts)

    def _started(self, service: Service) -> float | None:
        try:
            return self._prometheus.process_start(service.job)
        except Inconclusive:
            return None

    def _newer(self, service: Service, before: float | None) -> float | None:
        after = self._started(service)
        return after if after is not None and after > (before or 0) else None

    def _wait(self, condition: Callable[[], Any], claim: str) -> Any:
        patience = self._target.restart_timeout_s
        try:
            return Retrying(
                retry=retry_if_result(lambda found: not found),
                stop=stop_after_delay(patience),
                wait=wait_fixed(0.2),
            )(condition)
        except RetryError as error:
            raise MutationFailed(
                f"expected within {patience:g} s: {claim}; it did not come true; look at the service's log"
            ) from error


def run_command(command: str, target: Target) -> tuple[int, str]:
    """Run one of the target's commands in its infra folder.

    Returns:
        Exit code and the output's end (4,000 characters); a command that cannot run or does not end gives 127 or 124.
    """
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=target.infra_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=target.restart_timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"did not end within {target.restart_timeout_s:g} s"
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode(errors="replace")[-4000:]


def is_healthy(service: Service, timeout_s: float) -> bool:
    """Tell whether ``/health`` answers 200 now."""
    try:
        return httpx.get(f"{service.url}/health", timeout=timeout_s).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
