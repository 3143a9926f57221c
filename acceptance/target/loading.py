"""Find and load a target file: its checked settings become a `Target`."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from acceptance.checklist import BY_COMMAND, OWN_SUITES
from acceptance.finding import Severity
from acceptance.stage_folders import flagged
from acceptance.target.file import Settings, TargetError, read_settings
from acceptance.target.keys import evidence_key
from acceptance.target.log_format import LogFormat
from acceptance.target.model import Target
from acceptance.target.naming import DocumentNames, HttpNames, MetricNames
from acceptance.target.parts import (
    Attach,
    Authentication,
    EvidenceCommand,
    Grafana,
    Known,
    Mongo,
    Service,
    ServiceKey,
    Services,
    Storage,
    Telegram,
)

SERVICES: tuple[ServiceKey, ...] = ("bot", "worker", "api")


def load_target(path: Path) -> Target:
    """Read a target file.

    A file with a `TARGET_PROVIDER` needs no more than `TARGET_NAME` and `TARGET_KIND`; the target read
    from it can only be used to start the provider, and never allows mutations.

    Raises:
        TargetError: With every fault of the file at once.
    """
    settings = read_settings(path)
    return _target(path, settings)


def find_target(name_or_path: str | Path, folder: Path) -> Path:
    """Return the target file for a name (`staging` is `folder/staging.env`) or a path to one.

    Raises:
        TargetError: There is no such file; the message lists the targets that exist.
    """
    wanted = str(name_or_path)
    is_path = "/" in wanted or wanted.endswith(".env")
    path = Path(wanted).expanduser() if is_path else folder / f"{wanted}.env"
    if path.is_file():
        return path
    known = sorted(file.stem for file in folder.glob("*.env"))
    example = folder / f"{path.stem}.env.example"
    if example.is_file():
        remedy = f"copy {example} to {path} and fill it in"
    elif near := get_close_matches(wanted, known, n=1):
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = f"choose one of those, or describe yours in {folder / 'NAME.env'}"
    exist = ", ".join(known) or "none"
    raise TargetError(f"target {wanted!r}: no file {path}; targets in {folder}: {exist}; {remedy}")


def _target(path: Path, s: Settings) -> Target:
    return Target(
        name=s["TARGET_NAME"],
        kind=s["TARGET_KIND"],
        source=path,
        allow_mutations=s["ALLOW_MUTATIONS"],
        window=s["WINDOW"],
        infra_dir=s["INFRA_DIR"],
        env_file=s["ENV_FILE"],
        code_dir=s["CODE_DIR"],
        other_login=s["OTHER_LOGIN"],
        deployment_log=s["DEPLOYMENT_LOG"],
        attach=Attach(s["ATTACH_COMMAND"], s["ATTACH_RECEIPT"]),
        sign_off_signers=s["SIGN_OFF_SIGNERS"],
        evidence=_commands(s),
        evidence_timeout_s=s["EVIDENCE_TIMEOUT_SECONDS"],
        main_branch=s["MAIN_BRANCH"],
        running_commit=s["RUNNING_COMMIT"],
        journal_dir=s["JOURNAL_DIR"] or journal_beside(s["ENV_FILE"]),
        services=Services({key: _service(key, s) for key in SERVICES if key not in s["ABSENT"]}),
        absent=s["ABSENT"],
        telegram=_telegram(s),
        restart_all=s["RESTART_ALL"],
        prometheus_url=s["PROMETHEUS_URL"],
        prometheus_login=s["PROMETHEUS_LOGIN"],
        prometheus_tenant=s["PROMETHEUS_TENANT"],
        prometheus_config=s["PROMETHEUS_CONFIG"],
        metrics=MetricNames(s["METRIC_NAMES"], s["METRIC_LABELS"], s["METRIC_VALUES"]),
        alertmanager_url=s["ALERTMANAGER_URL"],
        grafana=Grafana(s["GRAFANA_URL"], s["GRAFANA_USER"], s["GRAFANA_PASSWORD"], s["GRAFANA_DASHBOARD_UID"]),
        loki_url=s["LOKI_URL"],
        loki_label=s["LOKI_LABEL"],
        loki_tenant=s["LOKI_TENANT"],
        hw_checker_url=s["HW_CHECKER_URL"],
        hw_checker_header=s["HW_CHECKER_HEADER"],
        hw_checker_names=HttpNames(*(s[f"HW_CHECKER_{what}"] for what in ("ROUTES", "FIELDS", "VALUES"))),
        mongo=Mongo(
            s["MONGODB_URL"],
            s["MONGODB_DATABASE"],
            DocumentNames(*(s[f"MONGODB_{what}"] for what in ("COLLECTIONS", "FIELDS", "VALUES"))),
        ),
        storage=Storage(
            root=s["STORAGE_ROOT"],
            legacy_root=s["LEGACY_STORAGE_ROOT"],
            owner=s["STORAGE_OWNER"],
            mode=s["STORAGE_MODE"],
            watch_dirs=s["WATCH_DIRS"],
            max_upload_bytes=s["MAX_UPLOAD_BYTES"],
            min_free_bytes=s["MIN_FREE_BYTES"],
            writers=s["KNOWN_WRITERS"],
            upload_status=int(s["UPLOAD_STATUS"]),
            refuses_by_length=s["REFUSES_BY_LENGTH"],
            proxy_max_body_bytes=s["PROXY_MAX_BODY_BYTES"] or None,
            attacks=s["ATTACKS"] or ("selection" if s["TARGET_KIND"] == "production" else "all"),
        ),
        clamd=s["CLAMD"],
        flags={stage.id: s[stage.target_key] for stage in flagged()},
        shown_by={stage.id: s[f"{stage.target_key}_SHOWN_BY"] for stage in flagged()},
        soak_seconds=s["SOAK_SECONDS"],
        scrape_interval_s=s["SCRAPE_INTERVAL_SECONDS"],
        traffic_per_minute=s["TRAFFIC_PER_MINUTE"],
        known=Known(s["HOMEWORK_STUDENT"], s["HOMEWORK_STUDENT_FLAG_ON"], s["SOAK_STUDENTS"], s["CHANNEL"]),
        student_ids="numeric" if s["DIALOG"] == "telegram" else s["STUDENT_IDS"],
        trace_header=s["TRACE_HEADER"],
        backup_dir=s["BACKUP_DIR"],
        restart_timeout_s=s["RESTART_TIMEOUT_SECONDS"],
        http_timeout_s=s["HTTP_TIMEOUT_SECONDS"],
        provider=s["TARGET_PROVIDER"],
    )


def _authentication(text: str) -> Authentication | None:
    said, _, more = text.partition(":")
    if said == "required":
        return Authentication(required=True, shared=more == "service")
    return Authentication(required=False, severity=Severity[more.upper()]) if text else None


def _telegram(s: Settings) -> Telegram | None:
    words = ("LISTEN", "SETTLE_SECONDS", "RATE_LIMIT")
    return Telegram(*(s[f"TELEGRAM_{word}"] for word in words)) if s["DIALOG"] == "telegram" else None


def _commands(s: Settings) -> dict[str, EvidenceCommand]:
    keys = {item_id: evidence_key(item_id) for item_id in (*BY_COMMAND, *OWN_SUITES)}
    return {
        item_id: EvidenceCommand(s[key], s[f"{key}_MAX_HOURS"]) for item_id, key in keys.items() if s[key] is not None
    }


def journal_beside(env_file: Path) -> Path:
    """Give the folder of an env file's journal; a link leads to that of the file itself."""
    real = env_file.resolve()
    return real.with_name(f"{real.name}.acceptance")


def _service(key: ServiceKey, s: Settings) -> Service:
    upper = key.upper()
    name, url, job, logs = (s[f"{upper}_{word}"] for word in ("NAME", "URL", "JOB", "LOGS"))
    words = ("FORMAT", "PATTERN", "FIELDS", "ZONE", "SHOWS", "EVENTS")
    log_format = LogFormat(*(s[f"{upper}_LOG_{word}"] for word in words))
    health, started = s[f"{upper}_HEALTH"], s[f"{upper}_STARTED"]
    names = HttpNames(*(s[f"{upper}_{what}"] for what in ("ROUTES", "FIELDS", "VALUES")))
    login = (s["LOGIN_HEADER"], s[f"{upper}_LOGIN"], _authentication(s[f"{upper}_AUTHENTICATION"]))
    return Service(key, name, url, job, logs, s[f"RESTART_{upper}"], log_format, health, started, names, *login)
