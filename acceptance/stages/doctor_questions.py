"""Give the questions of the doctor, each by the keys of the target file to look at where it is not well.

Each is one that a stage or `pre_deployment` asks too, so that what is good on Friday is good at night.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import in_use
from acceptance.disk import free_bytes
from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding, Severity
from acceptance.gates.measures import Measure
from acceptance.observe.alerting import Alerting
from acceptance.observe.collections import unknown_fields
from acceptance.observe.deployed import deployed
from acceptance.observe.grafana import slo_dashboard
from acceptance.observe.log_comparison import say_level
from acceptance.observe.logs import Logs
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.preparation.flagcheck import flag_findings, new_paths_at_work
from acceptance.probes.attacks.access import require_statement
from acceptance.probes.clients import Clients
from acceptance.probes.health import PARTS, collection_findings
from acceptance.probes.storage.antivirus import Antivirus
from acceptance.probes.storage.directory import as_prepared, look_at
from acceptance.stage import Stage
from acceptance.stages.declared import (
    kept_environments,
    known_students,
    logins,
    no_program,
    programs,
    written_by_itself,
)
from acceptance.stages.readiness import interval_findings, questions
from acceptance.target import by_hand
from acceptance.target.model import Target
from acceptance.target.window import Interval

KEYS: Mapping[str, str] = {
    "bot-health": "BOT_URL",
    "dialog-gateway": "BOT_URL, BOT_ROUTES, BOT_FIELDS, SERVICE_LOGIN",
    "worker-health": "WORKER_URL",
    "homework-list": "WORKER_URL, WORKER_ROUTES, WORKER_FIELDS, HOMEWORK_STUDENT",
    "review-components": "WORKER_URL, WORKER_ROUTES, WORKER_FIELDS, WORKER_VALUES",
    "api-health": "API_URL",
    "review-api": "API_URL, API_ROUTES, API_FIELDS, SERVICE_LOGIN",
    "mongodb": "MONGODB_URL, MONGODB_DATABASE, MONGODB_COLLECTIONS",
    "hw-checker": "HW_CHECKER_URL",
    "prometheus": "PROMETHEUS_URL, targets",
    "alertmanager": "ALERTMANAGER_URL",
    "loki": "LOKI_URL",
    "grafana": "GRAFANA_URL",
}
"""The key of the target file to look at, by part of `acceptance.probes.health.PARTS`."""

TELEGRAM_KEYS = "DIALOG, TELEGRAM_LISTEN, TELEGRAM_BOT_TOKEN"

Question = Callable[[], Iterable[Finding]]

ALWAYS = "butler_"
"""What the names of the metrics begin with that are there before any flag is."""

OUR_DATA = "test data left over"
"""The kind of a finding on what an earlier run of ours could not remove: no fault of the deployment."""

STAGE_FILE = "/stage.toml: "
"""Stands in the key of each gate and trigger."""


def asked_of(target: Target, stages: list[Stage], run_id: str) -> Iterator[tuple[str, Question]]:
    """Give each question, by the keys of the target file that it is about."""
    prometheus = Prometheus.of(target)
    with_service = [stage for stage in stages if stage.service == "all" or stage.service in target.services]
    yield from _of_parts(target)
    for stage in with_service:
        yield from questions(target, stage, lambda _: None).items()
        yield from _of_measures(target, stage, prometheus)
    yield (
        "SCRAPE_INTERVAL_SECONDS",
        lambda: dict.fromkeys(each for stage in with_service for each in interval_findings(target, stage)),
    )
    yield "GRAFANA_PASSWORD, GRAFANA_DASHBOARD_UID", partial(_dashboard, target)
    yield "ALERTMANAGER_URL, alerts", partial(_alerts, target)
    yield "ENV_FILE, FLAG_*", partial(flag_findings, target, may_be_missing=True)
    yield "FLAG_*, running services", partial(_new_paths, target, prometheus)
    services = list(target.services.values())
    yield "CODE_DIR, RUNNING_COMMIT, MAIN_BRANCH", lambda: deployed(target, services, prometheus).findings()
    yield "MONGODB_URL, unique index", partial(_unique_index, target)
    yield "MONGODB_COLLECTIONS, MONGODB_FIELDS", partial(_documents, target)
    yield "STORAGE_ROOT, MIN_FREE_BYTES", partial(_storage, target)
    yield "METRIC_NAMES", partial(_always_there, target, prometheus)
    yield "ABSENT, *_JOB", partial(_resources, target, prometheus)
    yield "AUTHENTICATION, OTHER_LOGIN", partial(_said_who_may_call, target)
    yield "PROMETHEUS_CONFIG", partial(_readable, target.prometheus_config)
    yield "BACKUP_DIR", partial(_writable, "BACKUP_DIR", target.backup_dir)
    yield "JOURNAL_DIR", partial(_journal, target, run_id)
    yield "CLAMD", partial(_scanner, target)
    yield "WATCH_DIRS, KNOWN_WRITERS", partial(written_by_itself, target)
    yield "HOMEWORK_STUDENT*, HW_CHECKER_API_KEY of ENV_FILE", partial(known_students, target)
    yield "*_AUTHENTICATION", partial(logins, target)
    yield "EVIDENCE_*, ATTACH_COMMAND", partial(programs, target)
    yield "INFRA_DIR, RESTART_*", partial(_commands, target)
    yield "*_LOG_FIELDS", partial(_unknown_levels, target)


def _of_parts(target: Target) -> Iterator[tuple[str, Question]]:
    clients = Clients(target)
    # An address may be wrong before it has ever been right: no answer is not known here, and no fault of a service.
    for name, probe in {**PARTS, "mongodb": collection_findings}.items():
        in_telegram = name == "dialog-gateway" and target.telegram
        yield TELEGRAM_KEYS if in_telegram else KEYS.get(name, name), partial(probe, clients)


def _of_measures(target: Target, stage: Stage, prometheus: Prometheus) -> Iterator[tuple[str, Question]]:
    filled = stage.on(target)
    for measure in (*filled.gates, *filled.triggers):
        if measure.kind not in ("alerts", "log_events"):
            yield f"{stage.marker}{STAGE_FILE}{measure.id}", partial(_promql, prometheus, measure, new=stage.metrics)


def _promql(prometheus: Prometheus, measure: Measure, new: str) -> list[Finding]:
    """Let Prometheus evaluate a gate's or trigger's selectors; what only the flag brings need not be there yet."""
    for selector in filter(None, (measure.query, measure.total)):
        there = prometheus.instant(f"count({selector})")
        if not there and not (new and selector.startswith(new)) and measure.kind == "value":
            return [
                Finding(
                    "no data",
                    "",
                    f"samples of {prometheus.own(selector)}",
                    "none",
                    next_step="correct the *_JOB keys or METRIC_NAMES",
                )
            ]
    return []


def _dashboard(target: Target) -> list[Finding]:
    slo_dashboard(target)
    return []


def _alerts(target: Target) -> list[Finding]:
    """Check that a firing alert reaches somebody."""
    url, alerting = target.having("alertmanager").alertmanager_url, Alerting.of(target)
    jobs, now = [service.job for service in target.services.values()], datetime.now(UTC)
    windows = [target.window.current(now) or target.window.next(now)]
    if target.kind != "production":  # it may be changed at any time
        windows.insert(0, Interval(now, now + target.window.length))
    silent = (alerting.silence_findings(url, jobs, window) for window in windows)
    return [*alerting.delivery_findings(), *next(filter(None, silent), [])]


def _new_paths(target: Target, prometheus: Prometheus) -> list[Finding]:
    seen = new_paths_at_work(target, prometheus)
    step = (
        "restart, or set FLAG_*_SHOWN_BY, such as metric:used where the old path exports these too, as 0; metrics in a "
        "folder that outlives the process (several workers of a Python service) are to be emptied at each start"
    )
    return [
        Finding("flag at work", flag, "no sign of the new path", ", ".join(sorted(names)), next_step=step)
        for flag, names in seen.items()
    ]


def _always_there(target: Target, prometheus: Prometheus) -> list[Finding]:
    """Look for the metrics that each bot exports, whatever its flags are (contract, "Metrics")."""
    job = target.services["bot"].job
    expected = f"metrics {prometheus.own(ALWAYS)}* of job {job}"
    step = "correct METRIC_NAMES or BOT_JOB"
    return [] if prometheus.announces(job, ALWAYS) else [Finding("no data", "", expected, "none", next_step=step)]


def _resources(target: Target, prometheus: Prometheus) -> list[Finding]:
    """Look for what the baseline holds of each service besides its calls: CPU and memory."""
    metrics, step = ("process_cpu_seconds_total", "process_resident_memory_bytes"), "correct *_JOB, or add to ABSENT: "
    return [
        Finding("no data", service.name, f"{metric} of job {service.job}", "none", next_step=f"{step}{key}-resources")
        for key, service in target.services.items()
        for metric in metrics
        if target.has_resources(key) and not prometheus.names(service.job, metric)
    ]


def _said_who_may_call(target: Target) -> list[Finding]:
    target.service("api")  # stage 21_01c asks, of the API
    require_statement(target.services, target.other_login)
    return []


def _unknown_levels(target: Target) -> Iterator[Finding]:
    """Name a level in each log's newest lines that no table has: whether it is an error, nobody knows."""
    for service in target.services.values():
        unknown = (line for line in Logs.of(service).newest() if line.figure and not line.level)
        if line := next(unknown, None):
            step, found = f"{say_level(line.figure)} in {service.key.upper()}_LOG_FIELDS", line.text[:160]
            yield Finding("unknown level", service.logs, "levels that are known", f"{found!r}", next_step=step)


def _unique_index(target: Target) -> list[Finding]:
    """Check that two dialog contexts cannot have one session id (target contract, on MongoDB)."""
    with database(target) as mongo:
        contexts, unique = mongo["dialog_contexts"], mongo["dialog_contexts"].unique()
    expected = "a unique index on session_id alone"
    return [] if ["session_id"] in unique else [Finding("no index", contexts.name, expected, str(unique or "none"))]


def _documents(target: Target) -> list[Finding]:
    with database(target) as mongo:
        return unknown_fields(mongo)


def _storage(target: Target) -> list[Finding]:
    storage = target.storage
    if look_at(storage.root) is None:
        return as_prepared(storage)
    found, free = as_prepared(storage), free_bytes(storage.root)
    if free <= storage.min_free_bytes:
        least = f"more than {storage.min_free_bytes:,} bytes free"
        found.insert(0, Finding("disk", str(storage.root), least, f"{free:,}", next_step="make room"))
    return found


def _writable(key: str, folder: Path) -> list[Finding]:
    """Check that a folder can be written, or made in its nearest existing parent."""
    near = next(each for each in (folder, *folder.parents) if each.exists())
    good = near.is_dir() and os.access(near, os.W_OK | os.X_OK)
    return [] if good else [Finding("no right", str(folder), "a folder that we may write", str(near), next_step=key)]


def _readable(file: Path) -> list[Finding]:
    """Check that a file can be read, for its copy."""
    good = file.is_file() and os.access(file, os.R_OK)
    return [] if good else [Finding("no file", "", "a file that we may read", f"none at {file}", next_step="name it")]


def _journal(target: Target, run_id: str = "") -> list[Finding]:
    if at_work := in_use(target.journal_dir, run_id):  # its journal is open, and what is in it is not for us to undo
        return [Finding("in use", "", "no run at work", at_work)]
    pending = [each for each in Journal(target.journal_file, "doctor").pending() if each.run != run_id]
    step = by_hand.recover(target.source)
    left = [
        Finding(OUR_DATA, each.run, "nothing to undo", each.what, next_step=step)
        if each.is_data
        else Finding("left over", each.run, "nothing to undo", each.what, Severity.CRITICAL, next_step=step)
        for each in pending
    ]
    return [*left, *_writable("JOURNAL_DIR", target.journal_dir)]


def _scanner(target: Target) -> list[Finding]:
    on = EnvFile(target.env_file).switch("STORAGE_AV_SCAN_ENABLED")
    if target.clamd:
        Antivirus(target.clamd, target.http_timeout_s).ping()
    elif on:
        step = "set CLAMD to the scanner's address"
        return [Finding("no scanner", "", "an address, for STORAGE_AV_SCAN_ENABLED is true", "none", next_step=step)]
    return []


def _commands(target: Target) -> list[Finding]:
    if not target.infra_dir.is_dir():
        return [Finding("no folder", "INFRA_DIR", "the folder of the restart commands", f"none at {target.infra_dir}")]
    commands = {f"RESTART_{service.key.upper()}": service.restart for service in target.services.values()}
    return [*no_program(commands | {"RESTART_ALL": target.restart_all}, target.infra_dir), *kept_environments(target)]
