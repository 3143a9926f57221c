"""Whether a stage can be switched, watched and put back, seen before anything is changed.

A wrong address or a broken env file must not be found out by a rollback. Source: issue "Stage 21_01c works end to end",
"Bad input"; checklist items *.deploy.* and *.rollout.2, which need all of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence
from acceptance.observe.health import is_healthy
from acceptance.observe.logs import Logs
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
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
        Refused: The env file cannot be switched as it is.
        Inconclusive: Something that the stage needs to see by does not answer.
    """
    refused = env_faults(target, target.flags[stage.id]) if stage.flagged else []
    seen: list[Evidence] = []
    blind = list(blind_spots(target, stage, seen))
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


def blind_spots(target: Target, stage: Stage, seen: list[Evidence]) -> Iterator[str]:
    """Name what the stage needs to see by and cannot, each with the key of the target file to look at.

    Args:
        target: The deployment.
        stage: A stage with a service.
        seen: Takes what was found of our own requests in the logs.
    """
    questions: dict[str, Callable[[], str]] = {
        "MONGODB_URL": partial(_reads, target),
        "PROMETHEUS_URL": partial(_can_be_believed, target),
    }
    for service in target.services.values():
        if stage.service in (service.key, "all"):
            key = service.key.upper()
            questions[f"{key}_URL"] = partial(_answers, service, target)
            questions[f"{key}_LOGS"] = partial(_tells, service, target, seen)
            questions[f"PROMETHEUS_URL, {key}_JOB"] = partial(_scrapes, service, target)
    for key, ask in questions.items():
        try:
            wrong = ask()
        except Exception as error:  # whatever it is, it must be told, and the next question asked
            wrong = (
                str(error) if isinstance(error, Inconclusive) else f"{type(error).__name__}: {error}; correct the key"
            )
        if wrong:
            yield f"{target.source}: {key}: {wrong}"


def _reads(target: Target) -> str:
    with database(target) as mongo:
        mongo["review_archives"].find_one({"_id": None})  # a ping would be answered without the right to read
    return ""


def _answers(service: Service, target: Target) -> str:
    if is_healthy(service, target.http_timeout_s):
        return ""
    return f"expected 200 of {service.url}/health, found none; correct the address or start {service.name}"


def _tells(service: Service, target: Target, seen: list[Evidence]) -> str:
    if "requests" in service.log_format.shows:
        probed = probe(service, target)
        seen.append(probed.evidence())
        return probed.wrong(target.trace_header)
    Logs.of(service).since(datetime.now(UTC))
    return ""


def _can_be_believed(target: Target) -> str:
    Observer.now(Prometheus(target.prometheus_url, target.http_timeout_s), target.scrape_interval_s)
    return ""


def _scrapes(service: Service, target: Target) -> str:
    prometheus = Prometheus(target.prometheus_url, target.http_timeout_s)
    if prometheus.process_starts(service.job):
        return ""
    return (
        f"{target.prometheus_url} answers, but has no process of job {service.job} that is up; "
        f"correct the job's name, or see why Prometheus does not scrape {service.name}"
    )
