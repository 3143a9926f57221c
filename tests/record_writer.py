"""Writes event logs of made-up runs, through the real ``EventLog``, with the clock in the deployment window."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from acceptance.events import GENESIS, EventLog

WINDOW = {"start": "2025-11-29T02:00:00+00:00", "end": "2025-11-29T06:00:00+00:00"}
START = datetime(2025, 11, 29, 2, 4, 11, tzinfo=UTC)
FLAG = "USE_NEW_STORAGE_ADAPTER"
STAGE: dict[str, Any] = {
    "stage": "21_01c",
    "title": "Storage Abstraction",
    "risk": "High (data integrity, security-sensitive)",
    "flag": FLAG,
    "planned_minutes": 45,
}
TARGET = {
    "name": "staging",
    "api_url": "http://127.0.0.1:8000",
    "prometheus_url": "http://127.0.0.1:9090",
    "env_file": "~/work/infra/.env.infra",
    "storage_root": "/var/butler/review_archives",
}
Check = tuple[str, str, list[str], str]
"""Phase, name, items and title."""
CASES = {
    "test_corrupted_archive_is_refused": [
        *("tampered", "truncated", "bit-flip-start", "bit-flip-middle", "bit-flip-end", "wrong-digest")
    ],
    "test_path_traversal_is_blocked": [
        f"{part}-{case}"
        for part in ("student_id", "assignment_id", "new_zip", "member")
        for case in ("dotdot", "absolute", "percent-encoded", "overlong-utf8", "nul", "windows-drive")
    ],
    "test_oversized_upload_is_refused": ["limit+1", "150MB"],
}
TITLES = """
preflight | test_storage_directory_is_prepared | 21_01c.preflight.1 | Storage: owner butler, mode 750
preflight | test_checksum_validation_was_tested_in_staging | 21_01c.preflight.2 | Checksum validation tested in staging
preflight | test_av_hook | 21_01c.preflight.3 | AV scan hook answers, when it is enabled
deploy | test_deployed_commit | 21_01c.deploy.2 | The deployed commit is the planned one
flag_off | test_upload_lands_in_old_place | 21_01c.rollout.1 | Flag off: an upload lands in the old place
flag_on | test_flag_is_on_and_process_restarted | 21_01c.rollout.2 acceptance.2 | Flag on: the process restarted and new metrics appeared
flag_on | test_upload_is_saved_with_its_checksum | 21_01c.rollout.3 | Flag on: file saved, SHA-256 recorded, metadata persisted
security | test_corrupted_archive_is_refused | 21_01c.security.1 | A corrupted archive is refused and logged
security | test_path_traversal_is_blocked | 21_01c.security.2 | Nothing appears outside the storage root
security | test_oversized_upload_is_refused | 21_01c.security.3 | Over the limit: 413, at the limit: accepted
soak | test_gate[write_errors] | 21_01c.monitor.1 | No failed storage operation over the soak
soak | test_gate[write_p95] | 21_01c.monitor.1 | Write latency p95 under 2 s over the soak
soak | test_gate[checksum_failures] | 21_01c.monitor.1 | No checksum failure but our own over the soak
soak | test_log_holds_only_expected_security_events | 21_01c.monitor.2 | No unexpected security events
soak | test_free_disk_space | 21_01c.monitor.3 | More than 10 GB free
exit_gate | test_no_file_write_errors | 21_01c.exit.1 | No file write errors
exit_gate | test_checksum_validation_works | 21_01c.exit.2 | Checksum validation working
exit_gate | test_security_tests_passed | 21_01c.exit.3 acceptance.5 | Security tests pass
exit_gate | test_disk_usage_is_normal | 21_01c.exit.4 | Disk usage normal
exit_gate | test_stage_is_accepted | 21_01c.exit.5 | Everything that the stage depends on ran and passed
"""  # noqa: E501
CHECKS: list[Check] = [
    (phase, f"{name}[{case}]" if case else name, items.split(), title)
    for phase, name, items, title in (line.split(" | ") for line in TITLES.strip().splitlines())
    for case in CASES.get(name, [""])
]
SECONDS = {"preflight": 1.2, "deploy": 2, "flag_off": 4, "flag_on": 6, "security": 0.8, "soak": 0.2, "exit_gate": 0.1}


@dataclass
class Writer:
    """Appends events at chosen times; ``now`` moves by hand."""

    log: EventLog
    now: datetime = START
    failed: set[str] = field(default_factory=set)

    def say(self, kind: str, /, pause: float = 0.0, **data: Any) -> None:
        """Write one event, ``pause`` seconds after the one before."""
        self.now += timedelta(seconds=pause)
        with time_machine.travel(self.now, tick=False):
            self.log.append(kind, **data)

    def check(
        self,
        phase: str,
        name: str,
        items: list[str],
        title: str,
        verdict: str = "PASS",
        reason: str = "",
        evidence: list[dict[str, Any]] | None = None,
        **place: Any,
    ) -> None:
        """Write one finished check."""
        seconds = SECONDS.get(phase, 0.1)
        seen = evidence_of(phase, name, self.now) if evidence is None else evidence
        what = {"nodeid": nodeid(phase, name), "stage": "21_01c", "phase": phase, "items": items, "title": title}
        how = {"verdict": verdict, "reason": reason, "seconds": seconds, "worker": "gw0", "evidence": seen}
        self.say("check.finished", pause=seconds, **what | place, **how)


def nodeid(phase: str, name: str, stage: str = "stage_21_01c") -> str:
    return f"ops_tests/{stage}/test_{phase}.py::{name}"


def evidence_of(phase: str, name: str, now: datetime) -> list[dict[str, Any]]:
    """What such a check would have seen."""
    if name.startswith("test_gate"):
        return [gate(name.partition("[")[2].rstrip("]"), now)]
    if phase in ("security", "flag_off", "flag_on"):
        return [http(name)]
    if phase == "soak":
        line = '{"level":"WARNING","event":"path_traversal","trace_id":"4bf92f","message":"refused"}'
        since = {"source": "docker://butler-api", "since": now.isoformat(), "matched": 30}
        return [piece("log", "butler-api since the flag went on", **since, lines=[line] * 4)]
    argv = ["stat", "-c", "%U:%G %a", "/var/butler/review_archives"]
    answer = {"exit_code": 0, "stdout": "butler:butler 750\n", "stderr": "", "seconds": 0.01}
    return [piece("command", "stat of the storage folder", argv=argv, **answer)]


def piece(kind: str, title: str, **data: Any) -> dict[str, Any]:
    """One piece of evidence."""
    return {"kind": kind, "title": title, "data": data}


def http(name: str, status: int = 400) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    sent = {"student_id": "<img src=x onerror=x(1)>", "new_zip": f"{name}.zip", "new_zip_sha256": digest}
    headers = {"content-type": "multipart/form-data", "authorization": "[redacted]"}
    asked = {"method": "POST", "url": "http://127.0.0.1:8000/api/v1/reviews", "request_headers": headers}
    answer = {"status": status, "response": '{"detail":"invalid identifier"}', "seconds": 0.031}
    answer |= {"response_headers": {"content-type": "application/json", "x-trace-id": digest[:16]}}
    return piece("http", "Upload of a review archive", **asked, request=sent, **answer)


GATES: dict[str, tuple[str, str, str, float]] = {
    "write_errors": ('review_archive_storage_operations_total{status="error"}', "== 0", "errors", 0.0),
    "write_p95": ("review_archive_storage_latency_seconds_bucket", "< 2", "s", 0.21),
    "checksum_failures": ("review_archive_storage_checksum_failures_total", "== 0", "failures", 0.0),
}


def gate(
    name: str, now: datetime, level: float | None = None, step: int = 5, verdict: str = "PASS", reason: str = ""
) -> dict[str, Any]:
    """A gate's evidence over a soak of 20 minutes that ends at ``now``."""
    query, threshold, unit, normal = GATES[name]
    peak = normal if level is None else level
    begin, end = now.timestamp() - 1200, now.timestamp()
    series = [
        [begin + at, round(peak * (at / 1200 if level is not None else 1) + normal * math.sin(at / 40) / 4, 4)]
        for at in range(0, 1201, step)
    ]
    blind = verdict == "INCONCLUSIVE"
    judged: dict[str, Any] = {
        "id": name,
        "query": query,
        "threshold": threshold,
        "unit": unit,
        "value": None if blind else peak,
    }
    judged |= {"verdict": verdict, "reason": reason or f"{peak:g} {unit} over 20 min, 2,400 operations seen"}
    judged |= {"window": {"start": begin, "end": end}, "baseline": 0.19 if name == "write_p95" else 0}
    return piece(
        "gate", name.replace("_", " "), **judged, samples=0 if blind else len(series), series=[] if blind else series
    )


@contextmanager
def run(folder: Path, checks: list[Check] | None = None, **facts: Any) -> Iterator[Writer]:
    """Start a run in ``folder``: the opening events, up to the start of the stage."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.jsonl"
    path.unlink(missing_ok=True)
    writer = Writer(EventLog(path))
    about = {
        "run_id": name[8:] if (name := folder.name).startswith("staging-") else "20251129T020411Z-7c1e",
        "suite_version": "0.1.0",
        "commit": "9f2c4e1a7b60",
        "target": TARGET,
        "target_kind": "staging",
        "mode": "deploy",
        "operator": "M. Olsen",
        "ticket": "CHG-2025-11-042",
        "host": "ops-01",
        "python": "3.11.2",
        "argv": ["pytest", "-m", "stage_21_01c", "--target", "staging", "--mode", "deploy"],
        "planned_minutes": 45,
        "soak_note": "20 min, the checklist's own length",
        "outside_window": None,
        "window": WINDOW,
    }
    writer.say("run.started", **{**about, **facts})
    plan = [
        {"nodeid": nodeid(phase, name), "stage": "21_01c", "phase": phase, "items": items, "title": title}
        for phase, name, items, title in (CHECKS if checks is None else checks)
    ]
    writer.say("checks.expected", pause=0.2, checks=plan)
    yield writer


def change_flag(writer: Writer, stage: str, flag: str, before: str, after: str, pause: float) -> None:
    """Say that the flag was changed."""
    file = TARGET["env_file"]
    writer.say("flag.changed", pause=pause, stage=stage, flag=flag, before=before, after=after, file=file)


def switch(writer: Writer, before: str, after: str) -> None:
    """Change the flag and restart the service."""
    writer.say("flag.changing", pause=0.5, stage="21_01c", flag=FLAG, value=after)
    change_flag(writer, "21_01c", FLAG, before, after, pause=0.1)
    stamp = writer.now.timestamp()
    restart(writer, 7.4, started_before=stamp - 86400, started_after=stamp + 3, exit_code=0)


def restart(writer: Writer, seconds: float, **more: Any) -> None:
    """Restart the service."""
    writer.say("service.restarting", service="api")
    took = {"service": "butler-api", "seconds": seconds, "command": "make day-12-restart-api"}
    writer.say("service.restarted", pause=seconds, **took, **more)


def through(writer: Writer, *phases: str) -> None:
    """Pass all checks of these phases; the flag goes on before ``flag_on``, the soak takes its 20 minutes."""
    for phase in phases:
        if phase == "flag_on":
            switch(writer, "false", "true")
        if phase == "soak":
            writer.now += timedelta(minutes=20)
        for check in CHECKS:
            if check[0] == phase:
                writer.check(*check)


def sign(writer: Writer, *items: str) -> None:
    for each in items:
        writer.say("signoff.given", pause=3, item=each, name="K. Adeyemi", at=writer.now.isoformat(), note="seen")


def chain(path: Path, lines: list[str], events: list[tuple[str, dict[str, Any]]]) -> None:
    """Append events to a log without its locking, keeping the chain."""
    prev = json.loads(lines[-1])["hash"] if lines else GENESIS
    at = START
    for seq, (kind, data) in enumerate(events, len(lines)):
        at += timedelta(milliseconds=50)
        body = {"seq": seq, "at": at.isoformat(timespec="milliseconds"), "kind": kind, "data": data, "prev": prev}
        prev = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        lines.append(json.dumps(body | {"hash": prev}))
    path.write_text("".join(f"{line}\n" for line in lines))
