"""Check that a stage can be switched, watched and undone, before anything is changed.

A wrong address or a broken env file must not be found out by a rollback. Source: issue "Stage 21_01c works end to end",
"Bad input"; checklist items *.deploy.* and *.rollout.2, which need all of this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence
from acceptance.observe.health import health_fault, healthy_answer
from acceptance.observe.logs import Logs
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus, rule_findings
from acceptance.observe.started import shown_by, starts
from acceptance.stage import Stage
from acceptance.stages.log_probe import probe
from acceptance.stages.prometheus_clock import Observer
from acceptance.target.model import Service, Target
from acceptance.verdict import Inconclusive, Refused


def make_sure(target: Target, stage: Stage) -> list[Evidence]:
    """Return only if the stage can be begun, with what was found of our own requests in the logs; only looks.

    Args:
        target: The deployment.
        stage: A stage with a service.

    Raises:
        Refused: The env file cannot be switched as it is, or the scrape interval is not that of Prometheus.
        Inconclusive: Something that the stage needs to see by does not answer.
    """
    refused = env_faults(target, target.flags[stage.id]) if stage.flagged else []
    refused += interval_faults(target, stage)
    seen: list[Evidence] = []
    blind = list(unanswered(target, stage, seen))
    if refused:
        raise Refused("; ".join([*refused, *blind]))
    if blind:
        raise Inconclusive("; ".join(blind), seen)
    return seen


def env_faults(target: Target, flag: str) -> list[str]:
    """Name what keeps a flag from being switched on; a stage begins with its flag false."""
    env = EnvFile(target.env_file)
    faults = [str(finding) for finding in env.refusals([flag])]
    if not faults and env.flag(flag):
        faults.append(
            f"{target.env_file}: {flag} is already true; expected false before its stage. "
            "Set it to false and restart the service, or leave the stage out"
        )
    return faults


def interval_faults(target: Target, stage: Stage) -> list[str]:
    """Name the services that Prometheus scrapes at another interval than the target file says, by its configuration.

    Every window is made from the interval: a wrong one is found out after the whole soak otherwise.
    """
    prometheus = Prometheus.of(target)
    faults = []
    for service in target.services.values():
        if stage.service not in (service.key, "all"):
            continue
        with suppress(Inconclusive):  # `unanswered` tells it
            faults += [
                f"{target.source}: SCRAPE_INTERVAL_SECONDS: expected what Prometheus is configured with for job "
                f"{service.job}, {interval}, found {target.scrape_interval_s:g} s; correct the one or the other"
                for interval in sorted(prometheus.scrape_intervals(service.job))
                if not math.isclose(in_seconds(interval), target.scrape_interval_s, rel_tol=0.01)
            ]
    return faults


def in_seconds(duration: str) -> float:
    """Read a duration as Prometheus writes it: `1m0s`, `500ms`."""
    unit_s = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(number) * unit_s[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h|d)", duration))


def unanswered(target: Target, stage: Stage, seen: list[Evidence]) -> Iterator[str]:
    """Name what the stage needs to see by and cannot, each with the key of the target file to look at.

    Args:
        target: The deployment.
        stage: A stage with a service.
        seen: Takes what was found of our own requests in the logs.
    """
    for key, ask in questions(target, stage, seen).items():
        try:
            wrong = ask()
        except Exception as error:  # whatever it is, it must be told, and the next question asked
            wrong = (
                str(error) if isinstance(error, Inconclusive) else f"{type(error).__name__}: {error}; correct the key"
            )
        if wrong:
            yield f"{target.source}: {key}: {wrong}"


def questions(target: Target, stage: Stage, seen: list[Evidence]) -> dict[str, Callable[[], str]]:
    """Give by key of the target file what asks whether a stage can see by it; each says what is wrong, or nothing."""
    asked: dict[str, Callable[[], str]] = {
        "MONGODB_URL": partial(_reads, target),
        "PROMETHEUS_URL": partial(_can_be_believed, target),
    }
    if any(trigger.kind == "alerts" for trigger in stage.triggers):
        asked["PROMETHEUS_URL, alert rules"] = partial(_has_rules, target)
    for service in target.services.values():
        if stage.service in (service.key, "all"):
            key = service.key.upper()
            asked[f"{key}_URL"] = partial(_answers, service, target)
            asked[f"{key}_LOGS"] = partial(_tells, service, target, stage, seen)
            asked[f"PROMETHEUS_URL, {key}_JOB, {key}_STARTED"] = partial(_scrapes, service, target)
    return asked


def _reads(target: Target) -> str:
    with database(target) as mongo:
        mongo["review_archives"].find_one({"_id": None})  # a ping would be answered without the right to read
    return ""


def _answers(service: Service, target: Target) -> str:
    fault = health_fault(service, target.http_timeout_s)
    if not fault:
        return ""
    key = f"{service.key.upper()}_HEALTH"
    return f"expected {healthy_answer(service)}, found {fault}; correct the address or {key}, or start {service.name}"


def _tells(service: Service, target: Target, stage: Stage, seen: list[Evidence]) -> str:
    logs = Logs.of(service)
    by_events = any(trigger.kind == "log_events" for trigger in stage.triggers)
    if by_events and logs.names_events and not any(line.event for line in logs.newest()):
        return (
            f"expected lines that name their event in {logs.source}, since {stage.id} watches events, found none; "
            f"correct {service.key.upper()}_LOG_FORMAT or _LOG_FIELDS, or take events out of _LOG_SHOWS if it logs none"
        )
    if "requests" in service.log_format.shows:
        probed = probe(service, target)
        seen.append(probed.evidence())
        return probed.wrong(target.trace_header)
    logs.since(datetime.now(UTC))
    return ""


def _can_be_believed(target: Target) -> str:
    Observer.now(Prometheus.of(target), target.scrape_interval_s)
    return ""


def _has_rules(target: Target) -> str:
    return "; ".join(map(str, rule_findings(target.prometheus_url, target.http_timeout_s)))


def _scrapes(service: Service, target: Target) -> str:
    prometheus = Prometheus.of(target)
    if not prometheus.is_up(service.job):
        return (
            f"{target.prometheus_url} answers, but has no process of job {service.job} that is up; "
            f"correct the job's name, or see why Prometheus does not scrape {service.name}"
        )
    if starts(service, target, prometheus):
        return ""
    return (
        f"expected {shown_by(service)} to show when {service.name} started, which proves a restart, found nothing; "
        f"set {service.key.upper()}_STARTED to what does: docker:, systemd:, process: or command:"
    )
