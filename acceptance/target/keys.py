"""List the keys of a target file: what each may hold, and its default (checklist and target contract).

A default may name other keys in braces, so that one changed folder or name moves what depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from acceptance.checklist import BY_COMMAND, OWN_SUITES
from acceptance.stage_folders import flagged
from acceptance.target.parsers import (
    Parser,
    absent_parts,
    address,
    anything,
    attacks,
    boolean,
    branch,
    command,
    commit_source,
    count,
    count_or_none,
    file_name,
    file_patterns,
    flag_name,
    hours,
    http_url,
    key_header,
    log_fields,
    log_pattern,
    log_shows,
    log_source,
    mode,
    mongo_url,
    name_patterns,
    one_of,
    optional,
    owner,
    path,
    paths,
    pattern,
    scanner,
    seconds,
    seconds_or_none,
    word,
    word_or_nothing,
    zone,
)
from acceptance.target.service_parsers import health, new_path_proof, renamings, service_url, start_proof
from acceptance.target.window import Window


@dataclass(frozen=True)
class Key:
    """One key of a target file.

    Attributes:
        parse: Turns the text into a value, or raises `Malformed`.
        default: Text used when the key is absent; None when the key is required.
        secret: Never shown, and taken from the process environment when the file leaves it out.
        about: What it is, for a key that few deployments need: it stands in the reference, not in the examples.
    """

    parse: Parser
    default: str | None = None
    secret: bool = False
    about: str = ""


_EVENTS = (
    "What the services call the events that they log, by the contract's names, such as path_traversal=escape_blocked; "
    "`size_limit=` for one that is not logged: that is then proved by the answer and by what is stored."
)
_LOGS: dict[str, Key] = {
    "LOG_FORMAT": Key(one_of("json", "logfmt", "text", "rich"), "json"),
    "LOG_PATTERN": Key(log_pattern, ""),
    "LOG_FIELDS": Key(log_fields, "time=timestamp level=level event=event trace=trace_id numbers="),
    "LOG_ZONE": Key(zone, "UTC"),
    "LOG_SHOWS": Key(log_shows, "requests events"),
    "LOG_EVENTS": Key(renamings(r"[\w.:-]+", may_lack=True), "", about=_EVENTS),
}
"""How the services write their logs; each has the same keys with its own name before it, for one that differs."""


_WINDOW = (
    "The maintenance window in UTC, in which alone a production target is changed: a day (Mon ... Sun) and two times. "
    "An end before the start is on the next day."
)
_HEALTH = (
    "Where the service tells its health: /PATH, /PATH STATUS or /PATH STATUS TEXT (a text that the body must hold). "
    "Without a TEXT, a body that says `down`, `unhealthy` or the like, or is a page of HTML, is no health. "
    "A redirect is followed to the same path with or without a final slash, or to https, and to no other page."
)
_STARTED = (
    "What shows when its processes started, which proves a restart: metric (process_start_time_seconds), "
    "docker:CONTAINER, systemd:UNIT, process:REGEX (of a command line in /proc of this machine), or command:WORDS, run "
    "in INFRA_DIR, which print a time for each process: unix seconds, or ISO 8601 with a zone."
)

_LOGIN = "What lets our calls in, in the header LOGIN_HEADER, such as `Bearer TOKEN`; empty where none is asked for."
_MAY_CALL = one_of("", "required", "required:service", "none:low", "none:medium", "none:high", "none:critical")
_AUTHENTICATION = (
    "Whether calls need a login: required (each student has an own one), or required:service (one of a calling "
    "service, which speaks for every student); or none: and how bad that is, from none:low (by design, and accepted: "
    "it is told and fails nothing) to none:critical. Where nothing is said, a service that lets strangers in is "
    "INCONCLUSIVE. For one service that differs, put its name before the key: BOT_AUTHENTICATION=none:low."
)
_ROUTES = "Its paths by the contract's, such as /api/v1/reviews=/v2/submissions; what is below a path goes with it."
_FIELDS = (
    "Its fields of forms, queries and JSON by the contract's, such as student_id=learner_id; `mode=` for one that it "
    "has not. In an answer, a.b is the field b of the object a: detail=error.message."
)
_FIELD_VALUES = (
    "What it calls values of its fields, by FIELD:VALUE of the contract, such as status:succeeded=done mode:talk=chat "
    "RateLimiter:healthy=up."
)
_DOCUMENT_VALUES = (
    "What it calls values in its documents, by FIELD:VALUE of the contract, such as status:succeeded=done."
)
_VALUES = (
    "What it calls values of labels, by LABEL:VALUE of the contract, such as status:success=ok status:error=failed."
)
_VALUE_FORM = r"(\w+:)?[\w.-]+"
_SIGNERS = (
    "Allowed signers, as in ssh-keygen(1). Where it is named, a file of sign-offs counts with its signature beside it "
    "alone, FILE.sig, by `ssh-keygen -Y sign -n butler-acceptance-sign-off -f KEY FILE`."
)
_UPLOAD_STATUS = (
    "With which status an upload that was taken is answered, with the flag off and on alike: 201, 200 or 202. In the "
    "record stands the contract's 201 for it, with what was answered beside it."
)
_BY_LENGTH = (
    "Whether an upload whose declared length is far over the limit is refused before it is sent: true, or false where "
    "the service reads it whole first, which a sound one may."
)
_PROXY_MOST = (
    "The largest body, in bytes, that a reverse proxy in front of the API passes on, where there is one. It must "
    "refuse what is larger with 413; the service never sees that, so neither its log event nor its own form of a "
    "refusal is asked for."
)
_SOAK = (
    "A soak shorter than the checklist's, in seconds; not in production. The record says so, and a run with one "
    "accepts no stage for production."
)
_LOKI = (
    "The label that has a service's name in Loki (Alloy and Loki 3 say service_name), and the tenant whose logs are "
    "asked for (X-Scope-OrgID), where Loki has several."
)
_CHECKER_HEADER = (
    "The header that carries HW_CHECKER_API_KEY of the env file, perhaps with a scheme: Authorization Bearer."
)
_WRITERS = (
    "Files in WATCH_DIRS that services write by themselves, such as a log: absolute paths with a colon between them, "
    "`*` in the file's name. A change of one is put to no attack, unless it holds what the attack sent."
)
_ABSENT = (
    "Parts that this deployment has not, with a space between them: bot, worker, api, grafana, loki, alertmanager, "
    "hw-checker; or bot-resources, worker-resources, api-resources where Prometheus has no process_cpu_seconds_total "
    "and process_resident_memory_bytes of that job, as with several worker processes of prometheus_client; or "
    "prometheus-status where it does not tell when it started (a restart of it then shows as a gap only), and "
    "alert-rules where it does not tell its rules, as one that is managed or compatible. What asks for one is NOT "
    "APPLICABLE, which stands on the first page of the record, and nothing of it need be filled in."
)
_DIALOG = (
    "How users reach the bot: http (the dialog gateway at BOT_URL), or telegram: the suite serves the Bot API at "
    "TELEGRAM_LISTEN, and the bot is pointed there, with TELEGRAM_BOT_TOKEN of the env file; never in production. "
    "Ids of test users are digits then, whatever STUDENT_IDS says. See docs/telegram.md"
)
_LISTEN = "HOST:PORT where the Bot API is served; 0.0.0.0:PORT where the bot calls from a container."
_SETTLE = "An answer is complete once no other message or edit has come for so long; 0 where it is always one message."
_RATE = "Messages a second that the bot may send; more are answered 429, as by Telegram (about 30). 0 for any number."
_TELEGRAM: dict[str, Key] = {
    "DIALOG": Key(one_of("http", "telegram"), "http", about=_DIALOG),
    "TELEGRAM_LISTEN": Key(address, "127.0.0.1:8081", about=_LISTEN),
    "TELEGRAM_SETTLE_SECONDS": Key(seconds_or_none, "1", about=_SETTLE),
    "TELEGRAM_RATE_LIMIT": Key(count_or_none, "0", about=_RATE),
}
_METRICS = (
    "What the deployment calls metrics, by the contract's names or the beginning of them, such as "
    "review_archive_storage_=intake_archives_; gates, triggers and the baseline ask for those."
)
_PROMETHEUS = (
    "What lets our questions in at PROMETHEUS_URL in the header Authorization, such as `Bearer TOKEN`; and the tenant "
    "whose metrics are asked for (X-Scope-OrgID, also of ALERTMANAGER_URL), where Mimir or Thanos has several."
)
_CONFIG = "The configuration of Prometheus, of which pre_deployment keeps a copy beside that of the env file."
_COLLECTIONS = "What it calls its collections, by the contract's, such as review_archives=archives."
_DOCUMENTS = (
    "What it calls the fields of its documents, by the contract's, such as student_id=studentId; with the contract's "
    "name of a collection before it where only that one differs: review_archives:kind=type."
)

_ATTACH = (
    "The command by which `scripts/ops/record.py attach` attaches a record to its change ticket (docs/ticket.md), run "
    "without a shell beside the target file. {page}, {digest}, {outcome}, {ticket}, {run}, {target} and {manifest} in "
    "its words are replaced, and stand in its environment as RECORD_PAGE and so on."
)
_RECEIPT = (
    "A regular expression of what ATTACH_COMMAND must print, with exit code 0, to have attached anything: a page that "
    "asks for a login is no receipt."
)


def _http_names(upper: str) -> dict[str, Key]:
    return {
        f"{upper}_ROUTES": Key(renamings(r"/[^\s?#=]*"), "", about=_ROUTES),
        f"{upper}_FIELDS": Key(renamings(r"[\w.-]+", may_lack=True), "", about=_FIELDS),
        f"{upper}_VALUES": Key(renamings(_VALUE_FORM, kinds=True), "", about=_FIELD_VALUES),
    }


def _service(upper: str, name: str, port: int, restart: str) -> dict[str, Key]:
    return {
        f"{upper}_NAME": Key(word, name),
        f"{upper}_URL": Key(service_url, f"http://127.0.0.1:{port}"),
        f"{upper}_JOB": Key(word, f"{{{upper}_NAME}}"),
        f"{upper}_HEALTH": Key(health, "/health", about=_HEALTH),
        f"{upper}_STARTED": Key(start_proof, "metric", about=_STARTED),
        f"{upper}_LOGIN": Key(anything, "{SERVICE_LOGIN}", secret=True, about=_LOGIN),
        f"{upper}_AUTHENTICATION": Key(_MAY_CALL, "{AUTHENTICATION}", about=_AUTHENTICATION),
        **_http_names(upper),
        f"{upper}_LOGS": Key(log_source, f"docker://{{{upper}_NAME}}"),
        **{f"{upper}_{name}": Key(key.parse, f"{{{name}}}") for name, key in _LOGS.items()},
        f"RESTART_{upper}": Key(command, f"make {restart}"),
    }


KEYS: dict[str, Key] = {
    "TARGET_NAME": Key(file_name),
    "TARGET_KIND": Key(one_of("lab", "staging", "production")),
    "TARGET_PROVIDER": Key(optional(command), ""),
    "ALLOW_MUTATIONS": Key(boolean, "false"),
    "WINDOW": Key(Window.parse, "Sat 02:00-06:00", about=_WINDOW),
    "INFRA_DIR": Key(path, "~/work/infra"),
    "CODE_DIR": Key(path, "~/studies/AI_Challenge"),
    "DEPLOYMENT_LOG": Key(path, "{CODE_DIR}/docs/specs/epic_21/architect/deployment_log.md"),
    "ATTACH_COMMAND": Key(optional(command), "", about=_ATTACH),
    "ATTACH_RECEIPT": Key(pattern, r'"(id|sys_id|url)"\s*:\s*"?[\w./:-]+', about=_RECEIPT),
    "SIGN_OFF_SIGNERS": Key(optional(path), "", about=_SIGNERS),
    "MAIN_BRANCH": Key(branch, "origin/main"),
    "RUNNING_COMMIT": Key(optional(commit_source), ""),
    "ENV_FILE": Key(path, "{INFRA_DIR}/.env.infra"),
    "JOURNAL_DIR": Key(optional(path), ""),
    **_LOGS,
    "LOGIN_HEADER": Key(word, "Authorization", about="The header that carries SERVICE_LOGIN, for all services."),
    "SERVICE_LOGIN": Key(anything, "", secret=True, about=_LOGIN),
    "OTHER_LOGIN": Key(
        anything, "", secret=True, about="The login of another student, to ask for the first one's task."
    ),
    "AUTHENTICATION": Key(_MAY_CALL, "", about=_AUTHENTICATION),
    **_service("BOT", "butler-bot", 8001, "day-12-restart-butler"),
    **_service("WORKER", "butler-worker", 8002, "day-12-restart-workers"),
    **_service("API", "butler-api", 8000, "day-12-restart-api"),
    **_TELEGRAM,
    "ABSENT": Key(absent_parts, "", about=_ABSENT),
    "RESTART_ALL": Key(command, "make day-12-restart-all"),
    "PROMETHEUS_URL": Key(http_url, "http://127.0.0.1:9090"),
    "PROMETHEUS_LOGIN": Key(anything, "", secret=True, about=_PROMETHEUS),
    "PROMETHEUS_TENANT": Key(word_or_nothing, "", about=_PROMETHEUS),
    "PROMETHEUS_CONFIG": Key(path, "{INFRA_DIR}/prometheus/prometheus.yml", about=_CONFIG),
    "METRIC_NAMES": Key(renamings(r"[a-zA-Z_:][\w:]*"), "", about=_METRICS),
    "METRIC_LABELS": Key(renamings(r"[a-zA-Z_]\w*"), "", about="What it calls labels, such as status=outcome."),
    "METRIC_VALUES": Key(renamings(_VALUE_FORM, kinds=True), "", about=_VALUES),
    "ALERTMANAGER_URL": Key(http_url, "http://127.0.0.1:9093"),
    "GRAFANA_URL": Key(http_url, "http://127.0.0.1:3000"),
    "GRAFANA_USER": Key(word, "admin"),
    "GRAFANA_PASSWORD": Key(anything, secret=True),
    "GRAFANA_DASHBOARD_UID": Key(word, "slo-butler-bot"),
    "LOKI_URL": Key(http_url, "http://127.0.0.1:3100"),
    "LOKI_LABEL": Key(word, "service", about=_LOKI),
    "LOKI_TENANT": Key(word_or_nothing, "", about=_LOKI),
    "HW_CHECKER_URL": Key(http_url, "https://hw-checker.example.com"),
    "HW_CHECKER_HEADER": Key(key_header, "X-API-Key", about=_CHECKER_HEADER),
    **_http_names("HW_CHECKER"),
    "MONGODB_URL": Key(mongo_url, secret=True),
    "MONGODB_DATABASE": Key(word, "butler"),
    "MONGODB_COLLECTIONS": Key(renamings(r"[\w.-]+"), "", about=_COLLECTIONS),
    "MONGODB_FIELDS": Key(renamings(r"(\w+:)?[\w-]+"), "", about=_DOCUMENTS),
    "MONGODB_VALUES": Key(renamings(_VALUE_FORM, kinds=True), "", about=_DOCUMENT_VALUES),
    "STORAGE_ROOT": Key(path, "/var/butler/review_archives"),
    "LEGACY_STORAGE_ROOT": Key(path, "{STORAGE_ROOT}"),
    "STORAGE_OWNER": Key(owner, "butler:butler"),
    "STORAGE_MODE": Key(mode, "750"),
    "WATCH_DIRS": Key(paths, "{STORAGE_ROOT}/.."),
    "KNOWN_WRITERS": Key(file_patterns, "", about=_WRITERS),
    "MAX_UPLOAD_BYTES": Key(count, str(100 * 2**20)),
    "UPLOAD_STATUS": Key(one_of("200", "201", "202"), "201", about=_UPLOAD_STATUS),
    "REFUSES_BY_LENGTH": Key(boolean, "false", about=_BY_LENGTH),
    "PROXY_MAX_BODY_BYTES": Key(optional(count), "", about=_PROXY_MOST),
    "ATTACKS": Key(optional(attacks), ""),
    "MIN_FREE_BYTES": Key(count, str(10 * 2**30)),
    "CLAMD": Key(scanner, "unix:///var/run/clamav/clamd.ctl"),
    "SOAK_SECONDS": Key(optional(seconds), "", about=_SOAK),
    "SCRAPE_INTERVAL_SECONDS": Key(seconds, "15"),
    "TRAFFIC_PER_MINUTE": Key(count, "60"),
    "HOMEWORK_STUDENT": Key(word, "test_user"),
    "HOMEWORK_STUDENT_FLAG_ON": Key(word, "test_user_flag_on"),
    "SOAK_STUDENTS": Key(name_patterns, "test_user* soak_user*"),
    "CHANNEL": Key(word, "test_channel"),
    "STUDENT_IDS": Key(one_of("text", "numeric"), "text"),
    "TRACE_HEADER": Key(word_or_nothing, "traceparent"),
    "BACKUP_DIR": Key(path, "/backup"),
    "EVIDENCE_TIMEOUT_SECONDS": Key(seconds, "600"),
    "RESTART_TIMEOUT_SECONDS": Key(seconds, "60"),
    "HTTP_TIMEOUT_SECONDS": Key(seconds, "10"),
}


def evidence_key(item_id: str) -> str:
    """Name the key of the command that answers an item: `EVIDENCE_pre_technical_6`."""
    return f"EVIDENCE_{item_id.replace('.', '_')}"


SHOWN_BY = (
    "What shows that the flag's new path is at work: metric (it exports what no other code does), metric:used (the "
    "same, where the old one exports it too, as 0), log:TEXT (a line of its service's log holds it), "
    "document:COLLECTION (it stores one there), or path:PATTERN (it writes such a file on this machine, `*` in any "
    "part). It must be what each request on the new path does, and none on the old one."
)


def _flags() -> Iterator[tuple[str, Key]]:
    for stage in flagged():
        yield stage.target_key, Key(flag_name, stage.flag)
        yield f"{stage.target_key}_SHOWN_BY", Key(new_path_proof, "metric", about=SHOWN_BY)


def _evidence() -> Iterator[tuple[str, Key]]:
    for item_id in (*BY_COMMAND, *OWN_SUITES):
        yield evidence_key(item_id), Key(optional(command), "")
        yield f"{evidence_key(item_id)}_MAX_HOURS", Key(optional(hours), "")


@cache
def all_keys() -> dict[str, Key]:
    """Give every key, also those of the flags, which the stages' folders declare, and of the checklist's items.

    Raises:
        StageError: A `stage.toml` cannot be read.
    """
    return KEYS | dict(_flags()) | dict(_evidence())
