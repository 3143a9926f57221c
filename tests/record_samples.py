"""Event logs as a run leaves them, for tests and for looking at: ``python tests/record_samples.py FOLDER``."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from record_writer import (
    CHECKS,
    FLAG,
    STAGE,
    TARGET,
    Writer,
    chain,
    change_flag,
    evidence_of,
    gate,
    http,
    nodeid,
    restart,
    run,
    sign,
    switch,
    through,
)

from acceptance.checklist import SIGN_OFFS, load_items


def triggers(**verdicts: str) -> list[dict[str, Any]]:
    """How the stage's triggers stood at its end."""
    words = {"FAIL": (0.034, "14 of 412 storage operations failed"), "PASS": (0.0, "did not fire; fires at > 0.02")}
    every = [("write_failures", "Write failures above 2 %", "trigger.1"), ("alerts", "New alerts", "trigger.7")]
    return [
        {"id": id, "title": title, "items": [item], "threshold": "> 0.02", "unit": "ratio", "evaluations": 84,
         "age_s": 2.0, "value": words[verdict][0], "verdict": verdict, "reason": words[verdict][1]}
        for id, title, item in every
        for verdict in [verdicts.get(id, "PASS")]
    ]  # fmt: skip


def roll_back(writer: Writer, account: str, seconds: float, **more: Any) -> None:
    """Say how the stage's rollback ended: well, unless `more` says otherwise."""
    ended: dict[str, Any] = {"pause": 1, "stage": "21_01c", "ok": True, "by_hand": []} | more
    writer.say("rollback.finished", account=account, seconds=seconds, **ended)


def end_stage(writer: Writer, verdict: str, reason: str = "", kept: bool = False, **more: Any) -> None:
    """Say how the stage ended."""
    told = {"stage": "21_01c", "verdict": verdict, "reason": reason, "kept": kept} | more
    writer.say("stage.finished", pause=1, **told)


def end_run(writer: Writer, outcome: str, exit_code: int, reason: str) -> None:
    """Say how the run ended."""
    own, pytests = exit_code, min(exit_code, 1)
    writer.say("run.finished", pause=1, outcome=outcome, reasons=[reason], exit_code=own, pytest_status=pytests)


def go(folder: Path) -> Path:
    """A deployment that went well; its flag is left enabled."""
    with run(folder) as writer:
        writer.say("stage.started", pause=1, **STAGE)
        sign(writer, "21_01c.deploy.1", "21_01c.preflight.2")
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security", "soak", "exit_gate")
        writer.say("stage.accepted", stage="21_01c")
        end_stage(writer, "PASS", kept=True, evaluations=84, triggers=triggers(write_failures="PASS"))
        end_run(writer, "GO", 0, "all planned checks passed; the flag was left enabled")
    return folder


def no_go(folder: Path) -> Path:
    """A trigger fires in the soak: rolled back, the rest does not run."""
    with run(folder) as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security")
        writer.now += timedelta(minutes=6, seconds=20)
        reason = "14 of 412 storage operations failed (3.4 %), 3 of the last 3 looks above the threshold"
        fired: dict[str, Any] = {
            "trigger": "write_failures",
            "items": ["trigger.1"],
            "value": 0.034,
            "threshold": "> 0.02",
        }
        writer.say("trigger.fired", stage="21_01c", **fired, reason=reason)
        writer.say("rollback.started", pause=0.1, stage="21_01c", reason=f"trigger write_failures: {reason}")
        check = next(check for check in CHECKS if "write_errors" in check[1])
        why = "14 failed operations since the flag went on, threshold == 0"
        evidence = gate("write_errors", writer.now, level=14, verdict="FAIL", reason=why)
        evidence["data"]["series"] = evidence["data"]["series"][164:]
        found = "expected no failed storage operation, found 14 since 02:06:20 "
        found += f"({evidence['data']['query']}); rolled back, see the API's log for disk_full"
        writer.check(*check, "FAIL", found, [evidence, http("save_new", 500), *evidence_of("soak", "log", writer.now)])
        switch(writer, "true", "false")
        undone = f"{FLAG} is false again, butler-api restarted in 7.4 s, an upload landed in the old place"
        roll_back(writer, undone, 11.2, pause=2)
        passed = {nodeid(*each[:2]) for each in CHECKS if each[0] in ("soak", "exit_gate")} - {nodeid(*check[:2])}
        for check in CHECKS:
            if nodeid(*check[:2]) in passed:
                writer.check(*check, "NOT RUN", "stage 21_01c ended at test_gate[write_errors]", [])
        told: dict[str, Any] = {"evaluations": 25, "triggers": triggers(write_failures="FAIL")}
        end_stage(writer, "FAIL", "trigger write_failures fired; rolled back", **told)
        why = "stage 21_01c: trigger write_failures fired (3.4 % of writes failed, threshold 2 %)"
        end_run(writer, "NO-GO", 1, why)
    return folder


def inconclusive(folder: Path) -> Path:
    """Prometheus went away in the soak: nothing bad was seen, nothing good was proved."""
    with run(folder, mode="rehearse") as writer:
        writer.say("stage.started", pause=1, **STAGE)
        through(writer, "preflight", "deploy", "flag_off", "flag_on", "security")
        writer.now += timedelta(minutes=20)
        why: dict[str, Any] = {"reason": "AV scan is not enabled on this host", "approver": "EP21 Tech Lead"}
        writer.say("waiver.used", item="21_01c.preflight.3", expires="2025-12-31", **why)
        for check in CHECKS:
            if check[0] == "soak" and "[" in check[1]:
                name = check[1].partition("[")[2].rstrip("]")
                reason = "no samples: Prometheus did not answer for 14 of 20 minutes"
                seen = gate(name, writer.now, verdict="INCONCLUSIVE", reason=reason)
                writer.check(*check, "INCONCLUSIVE", reason, [seen])
        writer.say("rollback.started", pause=1, stage="21_01c", reason="the soak had no data")
        switch(writer, "true", "false")
        roll_back(writer, "flag off, service restarted", 9)
        end_stage(writer, "INCONCLUSIVE", "the soak had no data")
        end_run(writer, "INCONCLUSIVE", 10, "3 gates of stage 21_01c had no data: Prometheus did not answer")
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
        why = "test_corrupted_archive_is_refused[tampered] failed"
        writer.say("rollback.started", pause=1, stage="21_01c", reason=why)
        check = next(check for check in CHECKS if check[0] == "security")
        writer.check(*check, "FAIL", "expected 400 or 422, found 201: the tampered file was accepted")
        writer.say("flag.changing", stage="21_01c", flag=FLAG, value="false")
        change_flag(writer, "21_01c", FLAG, "true", "false", pause=1)
        restart(writer, 60, started_before=1, started_after=1, exit_code=2)
        account = "the flag is false, but butler-api did not come back (make: exit code 2)"
        by_hand = ["cd ~/work/infra && make day-12-restart-api", "curl -s http://127.0.0.1:8000/health"]
        roll_back(writer, account, 62, ok=False, by_hand=by_hand)
        end_stage(writer, "FAIL", "rollback failed")
        end_run(writer, "NO-GO", 12, "stage 21_01c failed and its rollback failed")
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


REASONS = {
    "FAIL": "the HW checker answered 503 to 9 of 10 requests, threshold 10 %",
    "NOT RUN": "stage 21_01b ended before it",
}


def whole(folder: Path) -> Path:
    """All stages in production; 21_01b fails and is rolled back, the others stand: a partial failure."""
    stage_of = {chapter: stage for stage, (chapter, *_) in STAGES.items()}
    places = [(stage_of[item.chapter], item) for item in load_items() if item.chapter in stage_of]
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
            about = {"stage": stage, "title": title, "risk": risk, "flag": flag, "planned_minutes": minutes}
            writer.say("stage.started", pause=9, **about)
            bad = False
            if flag:
                change_flag(writer, stage, flag, "false", "true", pause=4)
            for each in (each for each in plan if each["stage"] == stage):
                verdict = "NOT RUN" if bad else "FAIL" if each["items"] == ["21_01b.monitor.2"] else "PASS"
                bad = bad or verdict == "FAIL"
                signs = each["items"][0] in SIGN_OFFS
                if signs and stage == "post_deployment":
                    verdict = "INCONCLUSIVE"
                reason = REASONS.get(verdict, "")
                if signs and verdict == "PASS":
                    sign(writer, each["items"][0])
                told = {"verdict": verdict, "reason": reason, "seconds": minutes * 5, "worker": "", "evidence": []}
                writer.say("check.finished", pause=minutes * 60 / 12 + 1, **each, **told)
                if verdict == "FAIL":
                    writer.say("rollback.started", stage=stage, reason=reason)
                    account = f"{flag} is false again, butler-worker restarted"
                    roll_back(writer, account, 14.0, pause=14, stage=stage)
            if flag and not bad:
                writer.say("stage.accepted", stage=stage)
            kept = bool(flag) and not bad
            end_stage(writer, "FAIL" if bad else "PASS", kept=kept, stage=stage)
        end_run(writer, "NO-GO", 1, "stage 21_01b failed and was rolled back; 21_01a, 21_01c and 21_01d stand")
    return folder


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
        reason = "expected nothing outside, found ../x" if verdict == "FAIL" else ""
        what = {"nodeid": nodeid(phase, name), "stage": "21_01c", "phase": phase, "items": items, "title": title}
        how = {"verdict": verdict, "reason": reason, "seconds": 0.05, "worker": f"gw{n % 4}", "evidence": [http(name)]}
        events.append(("check.finished", what | how))
    events.append(("stage.finished", {"stage": "21_01c", "verdict": "FAIL", "reason": "", "kept": False}))
    events.append(("run.finished", {"outcome": "NO-GO", "reasons": ["20 traversal cases got through"], "exit_code": 1}))
    chain(path, lines, events)
    return folder


SAMPLES = {each.__name__: each for each in (go, no_go, inconclusive, interrupted, rollback_failed, whole, large)}

if __name__ == "__main__":
    from acceptance.record.publish import render

    for label, make in SAMPLES.items():
        print(render(make(Path(sys.argv[1]) / label)))
