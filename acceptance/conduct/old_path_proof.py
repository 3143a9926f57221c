"""Prove that a service is on its old path after a rollback: a new, healthy process may still take the new one.

A plain restart of a container, for one, does not read the env file again. What shows it is the metrics that only the
new path exports, as Prometheus saw them on the new process. Source: contract, "Metrics"; rollback plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acceptance.conduct.services import Restarted
from acceptance.envfile.file import Change
from acceptance.observe.exported import new_paths, still_exported
from acceptance.observe.prometheus import Prometheus
from acceptance.target.model import Service, Target
from acceptance.verdict import MutationFailed


def on_the_old_path(target: Target, change: Change, done: Sequence[Restarted]) -> list[str]:
    """Say what is known of the service of each flag whose change was undone.

    Costs one query, as the scrape that showed the new process shows what it exports too. Only where that is something
    of the new path, it is waited for to end. A Prometheus that cannot be asked is no obstacle to a rollback.

    Args:
        target: Where.
        change: What was undone.
        done: The restarts since.

    Raises:
        MutationFailed: A service goes on exporting metrics of the new path.
    """
    seen = {one.service for one in done if one.proved}
    return [_said(target, flag, service, prefix, seen) for flag, service, prefix in _switched_off(target, change)]


def _switched_off(target: Target, change: Change) -> Iterator[tuple[str, Service, str]]:
    """Give flag, service and prefix of the new path's metrics."""
    if (change.previous or "false").lower() == "true":
        return
    for stage, (key, prefix) in new_paths().items():
        if (flag := target.flags[stage]) in change.keys and key in target.services:
            yield flag, target.services[key], prefix


def _said(target: Target, flag: str, service: Service, prefix: str, seen: set[str]) -> str:
    if service.name not in seen:  # guard: only-a-new-process-is-asked
        return f"whether {service.name} left the new path is not known: its new process was not seen"
    prometheus = Prometheus.of(target)
    try:
        names = still_exported(prometheus, service.job, prefix, target.scrape_patience_s)
    # guard: looking-back-at-the-new-path-needs-no-prometheus
    except Exception as error:  # whatever Prometheus answers, the rollback itself is done
        return f"whether {service.name} left the new path is not known: {error}"
    if names:
        raise MutationFailed(
            f"{service.name}: with {flag} off in {target.env_file} and restarted, expected a process that exports "
            f"nothing of the new path, found {', '.join(sorted(names))} for {target.scrape_patience_s:g} s: it still "
            "takes the new path; see what environment it runs with, and create its container anew, since a plain "
            "restart does not read the env file again"
        )
    return f"{service.name} exports nothing of the new path ({prefix}*)"
