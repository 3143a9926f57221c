"""Describe a target: every address, name, command and limit of one Butler deployment.

The suite reads them from `targets/NAME.env` and nowhere else, so that a deployment that differs is a
change of configuration, never of code. The keys and their defaults are listed in `acceptance.target.keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from acceptance.redact import named_secrets
from acceptance.target.naming import HttpNames, MetricNames
from acceptance.target.parts import (
    Attach,
    EvidenceCommand,
    Grafana,
    Known,
    Mongo,
    Service,
    ServiceKey,
    Storage,
    Telegram,
    absent,
)
from acceptance.target.shown import Public, flat, hidden
from acceptance.target.window import Window

__all__ = ["Grafana", "Kind", "Known", "Mongo", "Service", "ServiceKey", "Storage", "Target", "Telegram"]

Kind = Literal["lab", "staging", "production"]


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
        sign_off_signers: Who may have signed a file of sign-offs; None where it needs no signature.
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
        provider: Command that starts the target and names its real target file; None for any other target.
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
    sign_off_signers: Path | None
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
    prometheus_login: str = field(repr=False)
    prometheus_tenant: str
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
        return [*named_secrets(urls), *plain, *(text.split()[-1] for text in plain if " " in text)]
