"""Event logs as a run leaves them, for tests and for looking at: ``python tests/unit/record_samples.py FOLDER``.

Each builder writes ``events.jsonl`` through the real ``EventLog``, then moves the clock of its events to the
deployment window, so that durations and charts look as they will.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from acceptance.checklist import SIGN_OFFS, items_of
from acceptance.events import GENESIS, EventLog

WINDOW = {"start": "2025-11-29T02:00:00+00:00", "end": "2025-11-29T06:00:00+00:00"}
START = datetime(2025, 11, 29, 2, 4, 11, tzinfo=UTC)
FLAG = "USE_NEW_STORAGE_ADAPTER"
STAGE = {
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
CHECKS: list[tuple[str, str, list[str], str]] = [
    (
        "preflight",
        "test_storage_directory_is_prepared",
        ["21_01c.preflight.1"],
        "Storage directory: owner butler, mode 750",
    ),
    (
        "preflight",
        "test_checksum_validation_was_tested_in_staging",
        ["21_01c.preflight.2"],
        "Checksum validation tested in staging",
    ),
    ("preflight", "test_av_hook", ["21_01c.preflight.3"], "AV scan hook answers, when it is enabled"),
    ("deploy", "test_deployed_commit", ["21_01c.deploy.2"], "The deployed commit is the planned one"),
    ("flag_off", "test_upload_lands_in_old_place", ["21_01c.rollout.1"], "Flag off: an upload lands in the old place"),
    (
        "flag_on",
        "test_flag_is_on_and_process_restarted",
        ["21_01c.rollout.2", "acceptance.2"],
        "Flag on: the process restarted and new metrics appeared",
    ),
    (
        "flag_on",
        "test_upload_is_saved_with_its_checksum",
        ["21_01c.rollout.3"],
        "Flag on: file saved, SHA-256 recorded, metadata persisted",
    ),
    *(
        (
            "security",
            f"test_corrupted_archive_is_refused[{case}]",
            ["21_01c.security.1"],
            "A corrupted archive is refused and logged",
        )
        for case in ("tampered", "truncated", "bit-flip-start", "bit-flip-middle", "bit-flip-end", "wrong-digest")
    ),
    *(
        (
            "security",
            f"test_path_traversal_is_blocked[{part}-{case}]",
            ["21_01c.security.2"],
            "Nothing appears outside the storage root",
        )
        for part in ("student_id", "assignment_id", "new_zip", "member")
        for case in ("dotdot", "absolute", "percent-encoded", "overlong-utf8", "nul", "windows-drive")
    ),
    (
        "security",
        "test_oversized_upload_is_refused[limit+1]",
        ["21_01c.security.3"],
        "Over the limit: 413, at the limit: accepted",
    ),
    (
        "security",
        "test_oversized_upload_is_refused[150MB]",
        ["21_01c.security.3"],
        "Over the limit: 413, at the limit: accepted",
    ),
    ("soak", "test_gate[write_errors]", ["21_01c.monitor.1"], "No failed storage operation over the soak"),
    ("soak", "test_gate[write_p95]", ["21_01c.monitor.1"], "Write latency p95 under 2 s over the soak"),
    ("soak", "test_gate[checksum_failures]", ["21_01c.monitor.1"], "No checksum failure but our own over the soak"),
    (
        "soak",
        "test_log_holds_only_expected_security_events",
        ["21_01c.monitor.2"],
        "No unexpected security events in the log",
    ),
    ("soak", "test_free_disk_space", ["21_01c.monitor.3"], "More than 10 GB free"),
    ("exit_gate", "test_no_file_write_errors", ["21_01c.exit.1"], "No file write errors"),
    ("exit_gate", "test_checksum_validation_works", ["21_01c.exit.2"], "Checksum validation working"),
    ("exit_gate", "test_security_tests_passed", ["21_01c.exit.3", "acceptance.5"], "Security tests pass"),
    ("exit_gate", "test_disk_usage_is_normal", ["21_01c.exit.4"], "Disk usage normal"),
    ("exit_gate", "test_stage_is_accepted", ["21_01c.exit.5"], "Everything that the stage depends on ran and passed"),
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
        self.say(
            "check.finished",
            pause=seconds,
            nodeid=nodeid(phase, name),
            stage=place.get("stage", "21_01c"),
            phase=phase,
            items=items,
            title=title,
            verdict=verdict,
            reason=reason,
            seconds=seconds,
            worker="gw0",
            evidence=evidence if evidence is not None else evidence_of(phase, name, self.now),
        )


def nodeid(phase: str, name: str, stage: str = "stage_21_01c") -> str:
    return f"ops_tests/{stage}/test_{phase}.py::{name}"


def evidence_of(phase: str, name: str, now: datetime) -> list[dict[str, Any]]:
    """What such a check would have seen."""
    if name.startswith("test_gate"):
        return [gate(name.partition("[")[2].rstrip("]"), now)]
    if phase in ("security", "flag_off", "flag_on"):
        return [http(name)]
    if phase == "soak":
        return [
            {
                "kind": "log",
                "title": "butler-api since the flag went on",
                "data": {
                    "source": "docker://butler-api",
                    "since": now.isoformat(),
                    "matched": 30,
                    "lines": ['{"level":"WARNING","event":"path_traversal","trace_id":"4bf92f","message":"refused"}']
                    * 4,
                },
            }
        ]
    return [
        {
            "kind": "command",
            "title": "stat of the storage folder",
            "data": {
                "argv": ["stat", "-c", "%U:%G %a", "/var/butler/review_archives"],
                "exit_code": 0,
                "stdout": "butler:butler 750\n",
                "stderr": "",
                "seconds": 0.01,
            },
        }
    ]


def http(name: str, status: int = 400) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "kind": "http",
        "title": "Upload of a review archive",
        "data": {
            "method": "POST",
            "url": "http://127.0.0.1:8000/api/v1/reviews",
            "request_headers": {"content-type": "multipart/form-data", "authorization": "[redacted]"},
            "request": {
                "student_id": "<img src=x onerror=alert(1)>",
                "new_zip": f"{name}.zip",
                "new_zip_sha256": digest,
            },
            "status": status,
            "response_headers": {"content-type": "application/json", "x-trace-id": digest[:16]},
            "response": '{"detail":"invalid identifier"}',
            "seconds": 0.031,
        },
    }


GATES: dict[str, tuple[str, str, str, float]] = {
    "write_errors": ('review_archive_storage_operations_total{status="error"}', "== 0", "errors", 0.0),
    "write_p95": ("review_archive_storage_latency_seconds_bucket", "< 2", "s", 0.21),
    "checksum_failures": ("review_archive_storage_checksum_failures_total", "== 0", "failures", 0.0),
}


def gate(
    name: str, now: datetime, level: float | None = None, step: int = 5, verdict: str = "PASS", reason: str = ""
) -> dict[str, Any]:
    """A gate's evidence over a soak of 20 minutes that ends at ``now``."""
    query, bound, unit, normal = GATES[name]
    peak = normal if level is None else level
    begin, end = now.timestamp() - 1200, now.timestamp()
    series = [
        [begin + at, round(peak * (at / 1200 if level is not None else 1) + normal * math.sin(at / 40) / 4, 4)]
        for at in range(0, 1201, step)
    ]
    return {
        "kind": "gate",
        "title": name.replace("_", " "),
        "data": {
            "id": name,
            "query": query,
            "bound": bound,
            "unit": unit,
            "value": None if verdict == "INCONCLUSIVE" else peak,
            "verdict": verdict,
            "reason": reason or f"{peak:g} {unit} over 20 min, 2,400 operations seen",
            "samples": 0 if verdict == "INCONCLUSIVE" else len(series),
            "window": {"start": begin, "end": end},
            "baseline": 0.19 if name == "write_p95" else 0,
            "series": [] if verdict == "INCONCLUSIVE" else series,
        },
    }


@contextmanager
def run(folder: Path, checks: list[tuple[str, str, list[str], str]] | None = None, **facts: Any) -> Iterator[Writer]:
    """Start a run in ``folder``: the opening events, up to the start of the stage."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.jsonl"
    path.unlink(missing_ok=True)
    writer = Writer(EventLog(path))
    about = {
        "run_id": "20251129T020411Z-7c1e",
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


def switch(writer: Writer, before: str, after: str) -> None:
    """Change the flag and restart the service."""
    writer.say("flag.changing", pause=0.5, stage="21_01c", flag=FLAG, value=after)
    writer.say(
        "flag.changed", pause=0.1, stage="21_01c", flag=FLAG, before=before, after=after, file="~/work/infra/.env.infra"
    )
    writer.say("service.restarting", stage="21_01c", service="butler-api", command="make day-12-restart-api")
    stamp = writer.now.timestamp()
    writer.say(
        "service.restarted",
        pause=7.4,
        stage="21_01c",
        service="butler-api",
        started_before=stamp - 86400,
        started_after=stamp + 3,
        seconds=7.4,
        command="make day-12-restart-api",
        exit_code=0,
    )


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


def go(folder: Path) -> Path:
    """A deployment that went well; its flag is kept."""
    with run(folder) as writer:
        writer.say("stage.started", pause=1, **STAGE)
        sign(writer, "21_01c.deploy.1", "21_01c.preflight.2")
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security", "soak", "exit_gate")
        writer.say("stage.finished", pause=1, stage="21_01c", verdict="PASS", reason="", kept=True)
        writer.say(
            "run.finished", pause=1, outcome="GO", reasons=["all planned checks passed; the flag was kept"], exit_code=0
        )
    return folder


def no_go(folder: Path) -> Path:
    """A trigger fires in the soak: rolled back, the rest does not run."""
    with run(folder) as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security")
        writer.now += timedelta(minutes=6, seconds=20)
        reason = "14 of 412 storage operations failed (3.4 %), 3 of the last 3 looks above the bound"
        writer.say(
            "trigger.fired",
            stage="21_01c",
            trigger="write_failures",
            item="trigger.1",
            value=0.034,
            bound="> 0.02",
            reason=reason,
        )
        writer.say("rollback.started", pause=0.1, stage="21_01c", reason=f"trigger write_failures: {reason}")
        phase, name, items, title = next(check for check in CHECKS if "write_errors" in check[1])
        evidence = gate(
            "write_errors",
            writer.now,
            level=14,
            verdict="FAIL",
            reason="14 failed operations since the flag went on, bound == 0",
        )
        evidence["data"]["series"] = evidence["data"]["series"][164:]
        writer.check(
            phase,
            name,
            items,
            title,
            "FAIL",
            "expected no failed storage operation, found 14 since 02:06:20 "
            f"({evidence['data']['query']}); rolled back, see the API's log for disk_full",
            [evidence, http("save_new", 500), *evidence_of("soak", "log", writer.now)],
        )
        switch(writer, "true", "false")
        writer.say(
            "rollback.finished",
            pause=2,
            stage="21_01c",
            ok=True,
            seconds=11.2,
            by_hand=[],
            account=f"{FLAG} is false again, butler-api restarted in 7.4 s, "
            "an upload with the flag off landed in the old place",
        )
        passed = {nodeid(*each[:2]) for each in CHECKS if each[0] in ("soak", "exit_gate")} - {nodeid(phase, name)}
        for check in CHECKS:
            if nodeid(*check[:2]) in passed:
                writer.check(*check, "NOT RUN", "stage 21_01c ended at test_gate[write_errors]", [])
        writer.say(
            "stage.finished",
            pause=1,
            stage="21_01c",
            verdict="FAIL",
            reason="trigger write_failures fired; rolled back",
            kept=False,
        )
        writer.say(
            "run.finished",
            pause=1,
            outcome="NO-GO",
            reasons=["stage 21_01c: trigger write_failures fired (3.4 % of writes failed, bound 2 %)"],
            exit_code=1,
        )
    return folder


def inconclusive(folder: Path) -> Path:
    """Prometheus went away in the soak: nothing bad was seen, nothing good was proved."""
    with run(folder, mode="rehearse") as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security")
        writer.now += timedelta(minutes=20)
        writer.say(
            "waiver.used",
            item="21_01c.preflight.3",
            reason="AV scan is not enabled on this host",
            approver="EP21 Tech Lead",
            expires="2025-12-31",
        )
        for check in CHECKS:
            if check[0] == "soak" and "[" in check[1]:
                name = check[1].partition("[")[2].rstrip("]")
                reason = "no samples: Prometheus did not answer for 14 of 20 minutes"
                writer.check(
                    *check, "INCONCLUSIVE", reason, [gate(name, writer.now, verdict="INCONCLUSIVE", reason=reason)]
                )
        writer.say("rollback.started", pause=1, stage="21_01c", reason="the soak could not see")
        switch(writer, "true", "false")
        writer.say(
            "rollback.finished",
            pause=1,
            stage="21_01c",
            ok=True,
            seconds=9,
            account="flag off, service restarted",
            by_hand=[],
        )
        writer.say(
            "stage.finished",
            pause=1,
            stage="21_01c",
            verdict="INCONCLUSIVE",
            reason="the soak could not see",
            kept=False,
        )
        writer.say(
            "run.finished",
            pause=1,
            outcome="INCONCLUSIVE",
            reasons=["3 gates of stage 21_01c could not see: Prometheus did not answer"],
            exit_code=10,
        )
    return folder


def interrupted(folder: Path) -> Path:
    """The controller was killed with the flag on: the log just ends, in the middle of a line."""
    with run(folder) as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on")
        writer.check(*next(check for check in CHECKS if check[0] == "security"))
    with (folder / "events.jsonl").open("ab") as stream:
        stream.write(b'{"seq": 99, "at": "2025-11-29T02:')
    return folder


def rollback_failed(folder: Path) -> Path:
    """The undo itself failed: the worst page there is."""
    with run(folder, target_kind="production") as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on")
        writer.say(
            "rollback.started", pause=1, stage="21_01c", reason="test_corrupted_archive_is_refused[tampered] failed"
        )
        check = next(check for check in CHECKS if check[0] == "security")
        writer.check(*check, "FAIL", "expected 400 or 422, found 201: the tampered file was accepted")
        writer.say("flag.changing", stage="21_01c", flag=FLAG, value="false")
        writer.say(
            "flag.changed",
            pause=1,
            stage="21_01c",
            flag=FLAG,
            before="true",
            after="false",
            file="~/work/infra/.env.infra",
        )
        writer.say("service.restarting", stage="21_01c", service="butler-api", command="make day-12-restart-api")
        writer.say(
            "service.restarted",
            pause=60,
            stage="21_01c",
            service="butler-api",
            started_before=1,
            started_pause=1,
            seconds=60,
            command="make day-12-restart-api",
            exit_code=2,
        )
        writer.say(
            "rollback.finished",
            pause=1,
            stage="21_01c",
            ok=False,
            seconds=62,
            account="the flag is false, but butler-api did not come back (make: exit code 2)",
            by_hand=["cd ~/work/infra && make day-12-restart-api", "curl -s http://127.0.0.1:8000/health"],
        )
        writer.say("stage.finished", pause=1, stage="21_01c", verdict="FAIL", reason="rollback failed", kept=False)
        writer.say(
            "run.finished",
            pause=1,
            outcome="NO-GO",
            reasons=["stage 21_01c failed and its rollback failed"],
            exit_code=12,
        )
    return folder


STAGES = {
    "pre_deployment": ("pre", "Pre-deployment", "", 0),
    "21_00": ("21_00", "Preparation", "None (no production impact)", 15),
    "21_01a": ("21_01a", "Dialog Context Repository", "Medium (affects dialog persistence)", 30),
    "21_01b": ("21_01b", "Homework Review Service", "Low (external API, isolated component)", 25),
    "21_01c": ("21_01c", "Storage Abstraction", "High (data integrity, security-sensitive)", 45),
    "21_01d": ("21_01d", "Use Case Decomposition", "Medium (core review pipeline)", 30),
    "post_deployment": ("post", "Post-deployment, within 1 hour", "", 20),
    "post_24h": ("post24", "Post-deployment, within 24 hours", "", 10),
}


def whole(folder: Path) -> Path:
    """All stages in production; 21_01b fails and is rolled back, the others stand: a partial failure."""
    places = [(stage, item) for stage, (chapter, *_) in STAGES.items() for item in items_of(chapter)]
    plan = [
        {"nodeid": nodeid(item.id.split(".")[1], f"test_{item.id.replace('.', '_')}", stage), "stage": stage,
         "phase": item.id.split(".")[1], "items": [item.id], "title": item.text.rstrip(":")}
        for stage, item in places
    ]  # fmt: skip
    facts = {"target_kind": "production", "target": TARGET | {"name": "production"}, "planned_minutes": 175}
    with run(folder, checks=[], **facts) as writer:
        writer.say("checks.expected", checks=plan)
        for stage, (_, title, risk, minutes) in STAGES.items():
            flag = f"USE_FLAG_OF_{stage.upper()}" if stage.startswith("21_01") else ""
            writer.say(
                "stage.started", pause=9, stage=stage, title=title, risk=risk, flag=flag, planned_minutes=minutes
            )
            bad = False
            if flag:
                writer.say(
                    "flag.changed",
                    pause=4,
                    stage=stage,
                    flag=flag,
                    before="false",
                    after="true",
                    file="~/work/infra/.env.infra",
                )
            for each in (each for each in plan if each["stage"] == stage):
                verdict = "NOT RUN" if bad else "FAIL" if each["items"] == ["21_01b.monitor.2"] else "PASS"
                bad = bad or verdict == "FAIL"
                signs = item_needs_hand(each["items"][0])
                if signs and stage == "post_deployment":
                    verdict = "INCONCLUSIVE"
                reason = {
                    "FAIL": "the HW checker answered 503 to 9 of 10 requests, bound 10 %",
                    "NOT RUN": "stage 21_01b ended before it",
                }.get(verdict, "")
                if signs and verdict == "PASS":
                    sign(writer, each["items"][0])
                writer.say(
                    "check.finished",
                    pause=minutes * 60 / 12 + 1,
                    **each,
                    verdict=verdict,
                    reason=reason,
                    seconds=minutes * 5,
                    worker="",
                    evidence=[],
                )
                if verdict == "FAIL":
                    writer.say("rollback.started", stage=stage, reason=reason)
                    writer.say(
                        "rollback.finished",
                        pause=14,
                        stage=stage,
                        ok=True,
                        account=f"{flag} is false again, butler-worker restarted",
                        seconds=14.0,
                        by_hand=[],
                    )
            writer.say(
                "stage.finished",
                pause=1,
                stage=stage,
                verdict="FAIL" if bad else "PASS",
                reason="",
                kept=bool(flag) and not bad,
            )
        writer.say(
            "run.finished",
            outcome="NO-GO",
            reasons=["stage 21_01b failed and was rolled back; 21_01a, 21_01c and 21_01d stand"],
            exit_code=1,
        )
    return folder


def item_needs_hand(item_id: str) -> bool:
    return item_id in SIGN_OFFS


def large(folder: Path, count: int = 5000) -> Path:
    """Many checks with evidence, 1 in 250 failing. Written in one go: the log's own locking is not the subject."""
    folder.mkdir(parents=True, exist_ok=True)
    checks = [
        ("security", f"test_path_traversal_is_blocked[case-{n:04}]", ["21_01c.security.2"], "Nothing appears outside")
        for n in range(count)
    ]
    with run(folder, checks=checks) as writer:
        writer.say("stage.started", **STAGE)
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines()
    events = []
    for n, (phase, name, items, title) in enumerate(checks):
        verdict = "FAIL" if n % 250 == 7 else "PASS"
        events.append(
            (
                "check.finished",
                {
                    "nodeid": nodeid(phase, name),
                    "stage": "21_01c",
                    "phase": phase,
                    "items": items,
                    "title": title,
                    "verdict": verdict,
                    "reason": "expected nothing outside, found ../x" if verdict == "FAIL" else "",
                    "seconds": 0.05,
                    "worker": f"gw{n % 4}",
                    "evidence": [http(name)],
                },
            )
        )
    events.append(("stage.finished", {"stage": "21_01c", "verdict": "FAIL", "reason": "", "kept": False}))
    events.append(("run.finished", {"outcome": "NO-GO", "reasons": ["20 traversal cases got through"], "exit_code": 1}))
    chain(path, lines, events)
    return folder


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


SAMPLES = {each.__name__: each for each in (go, no_go, inconclusive, interrupted, rollback_failed, whole, large)}

if __name__ == "__main__":
    from acceptance.record.publish import render

    for label, make in SAMPLES.items():
        print(render(make(Path(sys.argv[1]) / label)))
