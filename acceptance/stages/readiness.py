"""Check that a stage can be switched, watched and undone, before anything is changed.

A wrong address or a broken env file must not be found out by a rollback. Source: issue "Stage 21_01c works end to end",
"Bad input"; checklist items *.deploy.* and *.rollout.2, which need all of this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence
from acceptance.finding import Finding, about
from acceptance.observe.alerting import Alerting
from acceptance.observe.health import health_fault, healthy_answer
from acceptance.observe.logs import Logs
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import shown_by, starts
from acceptance.stage import Stage
from acceptance.stages.log_probe import probe
from acceptance.stages.prometheus_clock import Observer
from acceptance.target.model import Service, Target
from acceptance.target.parts import RULES
from acceptance.verdict import Inconclusive, Refused

Question = Callable[[], list[Finding]]
Keep = Callable[[Evidence], None]

_SENTENCE = re.compile(r"expected (?P<expected>.+?), found:? (?P<found>.+?)(?:; (?P<step>.+))?$", re.S)


def make_sure(target: Target, stage: Stage, keep: Keep = lambda _: None) -> list[str]:
    """Refuse a stage that cannot be switched, watched and undone; gives the keys of the target file that answered.

    Args:
        target: The deployment.
        stage: A stage with a service.
        keep: Takes what was found of our own requests in the logs.

    Raises:
        Refused: The env file cannot be switched as it is, or the scrape interval is not that of Prometheus.
        Inconclusive: Something that the stage needs to see by does not answer.
    """
    refused = env_findings(target, target.flags[stage.id]) if stage.flagged else []
    refused += interval_findings(target, stage)
    asked = questions(target, stage, keep)
    blind = list(unanswered(target, asked))
    if refused:
        raise Refused("; ".join(map(str, [*refused, *blind])))
    if blind:
        raise Inconclusive("; ".join(map(str, blind)))
    return list(asked)


def env_findings(target: Target, flag: str) -> list[Finding]:
    """Name what keeps a flag from being switched on; a stage begins with its flag false."""
    env = EnvFile(target.env_file)
    found = list(env.refusals([flag]))
    if not found and env.flag(flag):
        step, expected = "set it to false and restart the service, or leave the stage out", "false before its stage"
        found.append(
            Finding(
                "flag already on", f"{target.env_file}: {flag}", expected, "that it is already true", next_step=step
            )
        )
    return found


def interval_findings(target: Target, stage: Stage) -> list[Finding]:
    """Name the services that Prometheus scrapes at another interval than the target file says, by its configuration.

    Every window is made from the interval: a wrong one is found out after the whole soak otherwise.
    """
    prometheus = Prometheus.of(target)
    key, found = f"{target.source}: SCRAPE_INTERVAL_SECONDS", f"{target.scrape_interval_s:g} s"
    wrong = []
    for service in target.services.values():
        if stage.service not in (service.key, "all"):
            continue
        expected = f"what Prometheus is configured with for job {service.job}"
        with suppress(Inconclusive):  # `unanswered` tells it
            wrong += [
                Finding(
                    "other interval", key, f"{expected}, {interval}", found, next_step="correct the one or the other"
                )
                for interval in sorted(prometheus.scrape_intervals(service.job))
                if not math.isclose(in_seconds(interval), target.scrape_interval_s, rel_tol=0.01)
            ]
    return wrong


def in_seconds(duration: str) -> float:
    """Read a duration as Prometheus writes it: `1m0s`, `500ms`."""
    unit_s = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(number) * unit_s[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h|d)", duration))


def unanswered(target: Target, asked: Mapping[str, Question]) -> Iterator[Finding]:
    """Name what does not answer and the stage needs to see by, each with the key of the target file to look at."""
    for key, ask in asked.items():
        subject = f"{target.source}: {key}"
        try:
            yield from about(subject, ask())
        except Inconclusive as error:
            yield parsed(subject, str(error))
        except Exception as error:  # whatever it is, it must be told, and the next question asked
            told = f"{type(error).__name__}: {error}"
            yield Finding("not known", subject, "an answer", told, next_step="correct the key")


def parsed(subject: str, sentence: str) -> Finding:
    """Make a finding of an error's sentence, which says what was expected and found."""
    told = " ".join(sentence.split())
    parts = _SENTENCE.search(told)
    if not parts:
        return Finding("not known", subject, "an answer", told)
    before = told[: parts.start()].rstrip(": ")
    subject = f"{subject}: {before}" if before else subject
    return Finding("not known", subject, parts["expected"], parts["found"], next_step=parts["step"] or "")


def questions(target: Target, stage: Stage, keep: Keep) -> dict[str, Question]:
    """Give the questions whether a stage can be watched, by key of the target file; each answers with findings."""
    asked: dict[str, Question] = {
        "MONGODB_URL": partial(_reads, target),
        "PROMETHEUS_URL": partial(_can_be_believed, target),
    }
    if any(trigger.kind == "alerts" for trigger in stage.triggers) and RULES not in target.absent:
        asked["PROMETHEUS_URL, alert rules"] = lambda: Alerting.of(target).rule_findings(60 * stage.soak_minutes)
    for service in target.services.values():
        if stage.service in (service.key, "all"):
            key = service.key.upper()
            asked[f"{key}_URL"] = partial(_answers, service, target)
            asked[f"{key}_LOGS"] = partial(_tells, service, target, stage, keep)
            asked[f"PROMETHEUS_URL, {key}_JOB, {key}_STARTED"] = partial(_scrapes, service, target)
    return asked


def _reads(target: Target) -> list[Finding]:
    with database(target) as mongo:
        mongo["review_archives"].find_one({"_id": None})  # a ping would be answered without the right to read
    return []


def _answers(service: Service, target: Target) -> list[Finding]:
    fault = health_fault(service, target.http_timeout_s)
    step = f"correct the address or {service.key.upper()}_HEALTH, or start {service.name}"
    if named := _proxy_before(service.url):
        step += f"; our calls go by the proxy that {named} of this environment names: name its host in NO_PROXY"
    return [Finding("not healthy", "", healthy_answer(service), fault, next_step=step)] if fault else []


def _proxy_before(url: str) -> str:
    """Name the variable by which a call goes to a proxy; empty where it goes straight."""
    parts, proxies = urlsplit(url), getproxies()
    schemes = [each for each in (parts.scheme, "all") if proxies.get(each)]
    return f"{schemes[0].upper()}_PROXY" if schemes and not proxy_bypass(parts.netloc) else ""


def _tells(service: Service, target: Target, stage: Stage, keep: Keep) -> list[Finding]:
    logs = Logs.of(service)
    by_events = any(trigger.kind == "log_events" for trigger in stage.triggers)
    if by_events and logs.names_events and not any(line.event for line in logs.newest()):
        expected = f"lines that name their event in {logs.source}, since {stage.id} watches events"
        key, has_fields = f"{service.key.upper()}_LOG", service.log_format.kind in ("json", "logfmt")
        where = f"{key}_FORMAT or _FIELDS" if has_fields else f"{key}_PATTERN, with a group (?P<event>...),"
        step = f"correct {where} or take events out of {key}_SHOWS if it logs none; if it was not used yet, use it once"
        return [Finding("no events", "", expected, "none", next_step=step)]
    if "requests" in service.log_format.shows:
        probed = probe(service, target)
        keep(probed.evidence())
        return probed.findings(target.trace_header)
    logs.since(datetime.now(UTC))
    return []


def _can_be_believed(target: Target) -> list[Finding]:
    Observer.now(Prometheus.of(target), target.scrape_interval_s)
    return []


def _scrapes(service: Service, target: Target) -> list[Finding]:
    prometheus = Prometheus.of(target)
    if not prometheus.is_up(service.job):
        expected, none = f"a process of job {service.job} that is up", f"none at {target.prometheus_url}, which answers"
        step = f"correct the job's name, or see why Prometheus does not scrape {service.name}"
        return [Finding("down", "", expected, none, next_step=step)]
    if others := [*shared_metrics(service, target, prometheus), *scraped_twice(service, prometheus)]:
        return others
    if starts(service, target, prometheus):
        return []
    expected = f"{shown_by(service)} to show when {service.name} started, which proves a restart"
    step = f"set {service.key.upper()}_STARTED to what does: docker:, systemd:, process: or command:"
    return [Finding("no start", "", expected, "nothing", next_step=step)]


def shared_metrics(service: Service, target: Target, prometheus: Prometheus) -> list[Finding]:
    """Say that a service shares its job, or an address of it, with another service's metrics.

    Where one restart is that of both, they may be one process, and have one job.
    """
    for other in target.services.values():
        if other.job == service.job and other.restart != service.restart:
            alone, found = f"a job of {service.name} alone", f"{service.job}, which is that of {other.name} too"
            step = f"correct {service.key.upper()}_JOB or {other.key.upper()}_JOB, or tell them apart by METRIC_LABELS"
            return [Finding("another's metrics", "", alone, found, next_step=step)]
    own, jobs = prometheus.addresses(service.job), {each.job for each in target.services.values()} - {service.job}
    expected, step = f"addresses of {service.name} alone", "correct the configuration of Prometheus"
    return [
        Finding("another's metrics", "", expected, f"{address}, which job {job} scrapes too", next_step=step)
        for job in sorted(jobs)
        for address in sorted(own & prometheus.addresses(job))
    ]


def scraped_twice(service: Service, prometheus: Prometheus) -> list[Finding]:
    """Name a process that is scraped at several addresses, or whose scrapes are there twice: all would count twice."""
    if twice := prometheus.seen_twice(service.job):
        expected, step = f"each instance of {service.name} scraped once", "ask one of the pair, or what joins them"
        return [Finding("scraped twice", "", expected, " and ".join(twice), next_step=step)]
    if not (same := prometheus.of_one_process(service.job)):
        return []
    expected, step = f"each process of {service.name} scraped once", "leave one in the configuration of Prometheus"
    return [Finding("scraped twice", "", expected, f"one process scraped as {' and '.join(same)}", next_step=step)]
