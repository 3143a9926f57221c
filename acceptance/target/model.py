"""Describe a target: every address, name, command and limit of one Butler deployment.

The suite reads them from `targets/NAME.env` and nowhere else, so that a deployment that differs is a
change of configuration, never of code. The keys and their defaults are listed in `acceptance.target.keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast

from acceptance.checklist import BY_COMMAND
from acceptance.finding import Severity
from acceptance.redact import secrets_of
from acceptance.stage_folders import flagged
from acceptance.target.file import Settings, TargetError, read_settings
from acceptance.target.keys import evidence_key
from acceptance.target.log_format import LogFormat
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
    absent,
)
from acceptance.target.shown import Public, flat, hidden
from acceptance.target.window import Window

__all__ = [
    "Grafana",
    "Kind",
    "Known",
    "Mongo",
    "Service",
    "ServiceKey",
    "Storage",
    "Target",
    "TargetError",
    "Telegram",
    "find_target",
    "is_provided",
    "load_target",
]

Kind = Literal["lab", "staging", "production"]
SERVICES: tuple[ServiceKey, ...] = ("bot", "worker", "api")


@dataclass(frozen=True, repr=False)
class Target(Public):
    """Everything the suite knows about one deployment.

    Attributes:
        source: The target file this was read from.
        window: When a production target may be changed.
        allow_mutations: Whether flags, restarts and test data are allowed at all.
        journal_dir: Where the journal and the lock are: beside the env file, unless the target file says otherwise.
        code_dir: Checkout of Butler's code, for the security scan (pre.technical.7); it need not be on this machine.
        evidence: By item of the checklist, the command that answers it in a person's place.
        evidence_timeout_s: Longest time of such a command, in seconds.
        other_login: The login of another student, at the API.
        deployment_log: The file that each deployment gets an entry in (post.documentation.1).
        attach: How a record is attached to its change ticket.
        main_branch: Remote and branch whose newest commit is to be deployed (21_01*.deploy.2).
        running_commit: Where a running service says of which commit it is; None where it does not.
        services: By short name: bot, worker, api.
        absent: Parts that are declared absent; see `having`.
        telegram: How the bot is reached where it is by Telegram; None where it has a dialog gateway.
        metrics: What the deployment calls metrics and their labels.
        restart_all: Command that restarts all of them (checklist 21_00.checklist.4).
        clamd: `unix:///PATH` or `tcp://HOST:PORT`; None when there is no scanner.
        flags: Flag name by the id of the stage that declares it, in the order of the deployment.
        shown_by: What shows that a flag's new path is at work, by the stage's id; see `acceptance.observe.new_path`.
        soak_seconds: A scaled soak, never in production; None is the checklist's own.
        scrape_interval_s: Prometheus' scrape interval, in seconds.
        traffic_per_minute: Threshold of the synthetic requests per minute.
        student_ids: Whether the deployment takes any text as a student id, or digits only.
        trace_header: Request header that carries the trace id; empty when the services read none.
        restart_timeout_s: Longest time for a restarted service to be back, in seconds.
        http_timeout_s: Time-out of one HTTP request, in seconds.
        hw_checker_header: The header of its key, perhaps with a scheme.
        hw_checker_names: What the HW checker calls its routes and fields.
        provider: Command that starts the target and names its real target file; see `is_provided`.
    """

    name: str
    kind: Kind
    source: Path
    allow_mutations: bool
    window: Window
    infra_dir: Path
    env_file: Path
    code_dir: Path
    other_login: str = field(repr=False)
    deployment_log: Path
    attach: Attach
    evidence: Mapping[str, EvidenceCommand]
    evidence_timeout_s: float
    main_branch: str
    running_commit: str | None
    journal_dir: Path
    services: Mapping[ServiceKey, Service]
    absent: tuple[str, ...]
    telegram: Telegram | None
    restart_all: str
    prometheus_url: str
    prometheus_config: Path
    metrics: MetricNames
    alertmanager_url: str
    grafana: Grafana
    loki_url: str
    loki_label: str
    loki_tenant: str
    hw_checker_url: str
    hw_checker_header: str
    hw_checker_names: HttpNames
    mongo: Mongo
    storage: Storage
    clamd: str | None
    flags: Mapping[str, str]
    shown_by: Mapping[str, str]
    soak_seconds: float | None
    scrape_interval_s: float
    traffic_per_minute: int
    known: Known
    student_ids: Literal["text", "numeric"]
    trace_header: str
    backup_dir: Path
    restart_timeout_s: float
    http_timeout_s: float
    provider: str | None

    def public(self) -> dict[str, str]:
        """Return every setting for the record by dotted name, such as `storage.root`; secrets redacted."""
        return dict(flat("", self))

    def service(self, key: str) -> Service:
        """Give one of the services by its short name.

        Raises:
            KeyError: There is none of that name, such as `all`.
        """
        return self.services[cast("ServiceKey", key)]

    def having(self, part: str) -> Target:
        """Give itself where a part is there.

        Raises:
            NotApplicable: The target file declares it absent.
        """
        if part in self.absent:
            raise absent(part)
        return self

    def has_resources(self, key: str) -> bool:
        """Tell whether Prometheus has CPU and memory of a service, as far as the target file says."""
        return f"{key}-resources" not in self.absent

    @property
    def other_headers(self) -> dict[str, str]:
        """Give the headers of another student's calls to the review API; empty where there is no login of one."""
        return {self.services["api"].login_header: self.other_login} if self.other_login else {}

    @property
    def journal_file(self) -> Path:
        """The undo journal; one for each target, whatever name its target file gives it."""
        return self.journal_dir / "undo.journal"

    @property
    def scrape_patience_s(self) -> float:
        """Within how many seconds Prometheus shows what a service did: three scrapes, and some for the asking."""
        return 3 * self.scrape_interval_s + 5

    def secrets(self) -> list[str]:
        """Return the secret values that this target holds, for a `Redactor`."""
        urls = {key: value for key, value in flat("", self, hide=False) if "://" in value}
        plain = [text for text in hidden(self) if "://" not in text]
        return [*secrets_of(urls), *plain, *(text.split()[-1] for text in plain if " " in text)]


def load_target(path: Path) -> Target:
    """Read a target file.

    A file with a `TARGET_PROVIDER` needs no more than `TARGET_NAME` and `TARGET_KIND`; the target read
    from it can only be used to start the provider, and never allows mutations.

    Raises:
        TargetError: With every fault of the file at once.
    """
    settings = read_settings(path)
    return _target(path, settings)


def is_provided(source: Target | Path) -> bool:
    """Tell whether a target, or the file of one, is started by its own `TARGET_PROVIDER`.

    Raises:
        TargetError: The file has faults.
    """
    target = load_target(source) if isinstance(source, Path) else source
    return target.provider is not None


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
    keys = {item_id: evidence_key(item_id) for item_id in BY_COMMAND}
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
