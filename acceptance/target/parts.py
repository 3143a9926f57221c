"""Describe the parts of a target: its services, stores and dashboards, and whom the suite may speak for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from acceptance.finding import Severity
from acceptance.target.log_format import LogFormat
from acceptance.target.naming import DocumentNames, HttpNames
from acceptance.target.shown import Public
from acceptance.verdict import NotApplicable

ServiceKey = Literal["bot", "worker", "api"]
STATUS = "prometheus-status"
"""The part whose absence says that Prometheus does not tell when it started."""
RULES = "alert-rules"
"""The part whose absence says that Prometheus does not tell its rules."""


def absent(part: str) -> NotApplicable:
    """Make what a check ends with that asks for a part which the target file declares absent."""
    return NotApplicable(f"{part} is declared absent (ABSENT in the target file)")


class Services(dict[ServiceKey, "Service"]):
    """The services that are there; to ask for another one is NOT APPLICABLE."""

    def __missing__(self, key: ServiceKey) -> Service:
        """Say that there is none.

        Raises:
            KeyError: No deployment has one of that name.
            NotApplicable: This one has none.
        """
        if key not in get_args(ServiceKey):
            raise KeyError(key)
        raise absent(key)


@dataclass(frozen=True, repr=False)
class Health(Public):
    """What a healthy service answers: at which path, with which status, and a text that the body must hold."""

    path: str = "/health"
    status: int = 200
    text: str = ""


@dataclass(frozen=True, repr=False)
class Service(Public):
    """One of Butler's three services.

    Attributes:
        key: The suite's short name.
        name: Its name in logs and containers, such as `butler-api`.
        url: Base of its HTTP calls, without a final slash.
        job: Value of the Prometheus label `job`.
        logs: Where its log is read: `docker://NAME`, `journald://UNIT`, `file:///PATH` or `command:WORDS`.
        restart: Shell-like command that restarts it, run in the infra folder.
        log_format: How it writes its log.
        health: Where it tells its health, and how.
        started: What shows when its processes started: `metric`, `docker:NAME`, `systemd:UNIT`, `process:REGEX` or
            `command:WORDS`; see `acceptance.observe.started`.
        names: What it calls its routes and fields.
        login_header: The header that carries `login`.
        login: What lets our calls in, such as `Bearer TOKEN`; empty where it asks for none.
        authentication: Whether calls need a login, and how bad it is where they do not; None where nobody says.
    """

    key: ServiceKey
    name: str
    url: str
    job: str
    logs: str
    restart: str
    log_format: LogFormat = field(default_factory=LogFormat)
    health: Health = field(default_factory=Health)
    started: str = "metric"
    names: HttpNames = field(default_factory=HttpNames)
    login_header: str = "Authorization"
    login: str = field(default="", repr=False)
    authentication: Authentication | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What every call of ours carries, secrets included."""
        return {self.login_header: self.login} if self.login else {}

    @property
    def health_url(self) -> str:
        """Full address of its health."""
        return self.url + self.health.path


@dataclass(frozen=True, repr=False)
class Storage(Public):
    """The review archives on disk (checklist 21_01c.preflight.1).

    Attributes:
        root: Folder that the new storage path writes to.
        legacy_root: Folder that the old one writes to; the checklist uses the same.
        owner: `USER:GROUP` that must own `root`.
        mode: Permission bits of `root`, such as `0o750`.
        watch_dirs: Folders in which nothing may appear outside `root`.
        writers: Patterns of files in those folders that the services write by themselves, such as a log.
        max_upload_bytes: The largest archive that is accepted.
        min_free_bytes: Free space that must remain.
        upload_status: How an upload that was taken is answered, in place of the contract's 201.
        refuses_by_length: Whether an upload is refused by the length that it declares, before it is sent.
        proxy_max_body_bytes: The largest body that a proxy in front passes on; None without such a proxy.
        attacks: Which of the corpus are sent: `all`, a `selection` (one harmless case of each kind), or named kinds.
    """

    root: Path
    legacy_root: Path
    owner: str
    mode: int
    watch_dirs: tuple[Path, ...]
    max_upload_bytes: int
    min_free_bytes: int
    writers: tuple[Path, ...] = ()
    attacks: str = "all"
    upload_status: int = 201
    refuses_by_length: bool = False
    proxy_max_body_bytes: int | None = None

    def passes_proxy(self, body_bytes: int) -> bool:
        """Tell whether a body of so many bytes comes to the service."""
        return self.proxy_max_body_bytes is None or body_bytes <= self.proxy_max_body_bytes


@dataclass(frozen=True, repr=False)
class Telegram(Public):
    """Where the suite serves the Bot API to a staging bot, and how.

    Attributes:
        address: Host and port.
        settle_s: Without another message for so many seconds an answer is complete.
        rate_limit: Messages a second that the bot may send, nought for any number.
    """

    address: tuple[str, int]
    settle_s: float
    rate_limit: int

    @property
    def listen(self) -> str:
        """The address as the target file has it."""
        return "{}:{}".format(*self.address)


@dataclass(frozen=True, repr=False)
class Grafana(Public):
    """Grafana's address, basic-auth user, and the uid of the SLO dashboard."""

    url: str
    user: str
    password: str = field(repr=False)
    dashboard_uid: str


@dataclass(frozen=True, repr=False)
class Mongo(Public):
    """MongoDB: a URL with credentials, the database, and what it calls collections and fields."""

    url: str = field(repr=False)
    database: str
    names: DocumentNames = field(default_factory=DocumentNames)


@dataclass(frozen=True, repr=False)
class Known(Public):
    """Whom and what the deployment knows for tests; the HW checker and the bot cannot be given new ones.

    Attributes:
        student: Has commits at the HW checker; the checklist's `test_user` (21_01b.rollout.1).
        student_flag_on: Another one (21_01b.rollout.3).
        soak_students: Names, some with a `*` at the end: only their commits are reviewed in a soak.
        channel: One that test users may read (post.validation.8, .9).
    """

    student: str
    student_flag_on: str
    soak_students: tuple[str, ...]
    channel: str


@dataclass(frozen=True)
class Authentication:
    """What the target file says of logins.

    Attributes:
        required: Whether every call needs one.
        severity: Of there being none, where none is required: LOW is by design, and accepted.
        shared: Whether the login is that of a calling service, which speaks for every student.
    """

    required: bool
    severity: Severity = Severity.CRITICAL
    shared: bool = False

    def __str__(self) -> str:
        """Give it as the target file has it."""
        required = "required:service" if self.shared else "required"
        return required if self.required else f"none:{self.severity.name.lower()}"


@dataclass(frozen=True, repr=False)
class Attach(Public):
    """How a record is attached to its change ticket.

    Attributes:
        command: Run without a shell, beside the target file; None where it is done by hand.
        receipt: Regular expression of what it must print to have attached anything.
    """

    command: str | None
    receipt: str


@dataclass(frozen=True, repr=False)
class EvidenceCommand(Public):
    """A command that answers an item of the checklist in a person's place.

    Attributes:
        command: Run without a shell, in `CODE_DIR` where that is on this machine, else beside the target file.
        max_age_hours: How old the time that it prints may be, in hours; None where what it prints is of now.
    """

    command: str
    max_age_hours: float | None
