"""The shapes of a lab: what a deployment is called, how it is reached and what it looks like, as data.

The services speak the target contract inside. A shape says how that reads from outside: `lab.shaped` turns it round at
the edge of each service. `LAB_SHAPE` names the shape; by default it is the checklist's.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

VARIABLE = "LAB_SHAPE"


@dataclass(frozen=True)
class Shape:
    """How a lab differs from the checklist; what is empty does not.

    Attributes:
        names: of the services in logs and as Prometheus' jobs, by the program's name.
        restarts: the make targets, by the checklist's.
        logs: the log format of a service.
        routes: the path of a call, by the contract's.
        fields: the name of a field of a form or of JSON, by service and by the contract's name.
        without: fields that no answer has.
        metrics: the beginning of a metric's name, by the contract's.
        labels: the name of a metric's label, by the contract's.
        values: the value of a label, by `label="value"` of the contract.
        database: the database of MongoDB.
        collections: the name of a collection, by the contract's.
        documents: the name of a document's field, by the contract's.
        shown_by: what shows that a flag's new path is at work, by the flag's key in a target file.
        prometheus_config: the name of Prometheus' configuration.
        prometheus_path: what Prometheus' addresses begin with.
        prometheus_login: user and password of Prometheus, which then has a certificate of a private CA too.
        scrape_s: seconds between scrapes.
        twice: programs of which two instances run behind one address, each with an address of its own for its metrics.
        plain: whether it is the checklist's: trace header, no login, any text as a student id, `/health` at once,
            `{"detail": "..."}`, the metric process_start_time_seconds, restarts that read the env file.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    restarts: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    database: str = "butler"
    collections: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    shown_by: Mapping[str, str] = field(default_factory=dict)
    prometheus_config: str = "prometheus.yml"
    prometheus_path: str = ""
    prometheus_login: tuple[str, str] | None = None
    scrape_s: int = 1
    twice: tuple[str, ...] = ()
    plain: bool = True

    @property
    def prometheus_scheme(self) -> str:
        """How Prometheus is asked."""
        return "https" if self.prometheus_login else "http"

    def name(self, program: str) -> str:
        """Name a service as its log and its job do."""
        return self.names.get(program, program)

    def instances(self, program: str) -> tuple[str, ...]:
        """Name the instances of a program: where there are two, the port of each one's own metrics has its name."""
        return (f"{program}-1", f"{program}-2") if program in self.twice else (program,)

    def contract_field(self, program: str, name: str) -> str:
        """Name a field of a form as the contract does."""
        return next((theirs for theirs, ours in self.fields.get(program, {}).items() if ours == name), name)

    def told(self, text: str) -> str:
        """Give a text, such as PromQL or an exposition, with this shape's metrics and labels."""
        for theirs, ours in self.metrics.items():
            text = re.sub(rf"\b{theirs}(?=\w)", ours, text)
        for theirs, ours in self.values.items():
            label, _, value = theirs.partition(":")
            text = text.replace(f'{label}="{value}"', f'{label}="{ours}"')
        for theirs, ours in self.labels.items():
            text = re.sub(rf"(?<=[{{,( ]){theirs}(?=\s*(?:=|!=|,|\)))", ours, text)
        return text


OTHER = Shape(
    names={"butler-bot": "assistant", "butler-worker": "reviewer", "butler-api": "intake"},
    restarts={
        "day-12-restart-butler": "up-assistant",
        "day-12-restart-workers": "up-reviewer",
        "day-12-restart-api": "up-intake",
        "day-12-restart-all": "up",
    },
    logs={"butler-bot": "rich", "butler-worker": "text", "butler-api": "text"},
    routes={
        "/api/v1/reviews": "/v2/submissions",
        "/api/v1/dialog/messages": "/chat",
        "/homework/list": "/v2/commits",
        "/homework/reviews": "/v2/requests",
        "/health/components": "/internal/parts",
    },
    fields={
        "butler-bot": {"user_id": "from", "message": "text", "session_id": "conversation", "reply": "answer"},
        "butler-worker": {
            "student_id": "learner_id",
            "commits": "items",
            "hash": "sha",
            "student": "learner",
            "commit_hash": "commit",
            "review_id": "request_id",
        },
        "butler-api": {
            "student_id": "learner_id",
            "assignment_id": "exercise",
            "task_id": "submission_id",
            "new_commit": "commit",
            "old_commit": "previous_commit",
            "new_zip": "archive",
            "old_zip": "previous_archive",
            "logs_zip": "logs_archive",
            "new_zip_sha256": "archive_sha256",
        },
    },
    without=("mode",),
    metrics={
        "dialog_context_repository_": "assistant_context_store_",
        "homework_review_service_": "reviewer_homework_",
        "review_archive_storage_": "intake_archives_",
        "review_submission_": "reviewer_pipeline_",
        "butler_": "helper_",
    },
    labels={"status": "outcome"},
    values={"status:success": "ok", "status:error": "failed"},
    database="assistance",
    collections={
        "dialog_contexts": "conversations",
        "long_tasks": "jobs",
        "review_archives": "archives",
        "homework_reviews": "reports",
    },
    documents={
        "task_id": "jobId",
        "student_id": "studentId",
        "assignment_id": "exercise",
        "session_id": "conversationId",
        "user_id": "ownerId",
        "step_count": "turns",
        "size_bytes": "size",
        "uploaded_at": "storedAt",
        "created_at": "createdAt",
        "finished_at": "finishedAt",
        "published_at": "publishedAt",
        "log_analysis": "logSummary",
    },
    shown_by={"FLAG_STORAGE": "document:archives", "FLAG_USE_CASE": "log:Decomposed review"},
    prometheus_config="scrapes.yml",
    prometheus_path="/observe/metrics",
    prometheus_login=("reader", "look-only"),
    scrape_s=2,
    twice=("butler-api",),
    plain=False,
)
SHAPES = {"checklist": Shape(), "other": OTHER}
# bcrypt of the password above, with few rounds; it guards a lab on 127.0.0.1.
PROMETHEUS_WEB = (
    "tls_server_config: {cert_file: ca.pem, key_file: key.pem}\n"
    'basic_auth_users: {reader: "$2b$04$Lh1pCVtNY1V0fHdVaaNuqOvaHAy2Wp92T7P4V2qXh4SYAuj.EuBLi"}\n'
)


def current() -> Shape:
    """Give the shape of this process's lab."""
    return SHAPES[os.environ.get(VARIABLE) or "checklist"]
