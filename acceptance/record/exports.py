"""Write the record for other tools: CTRF, JUnit and an in-toto test-result statement.

Both say less than `record.json`, and never more: nothing that was not proved is reported as passed. The CTRF
plugins for pytest see pytest's own results, in which NOT RUN is a skip and AWAITING too, so the mapping is ours.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from acceptance.record.formatting import host_of, parse
from acceptance.record.schema import Check, Facts, Record
from acceptance.verdict import Outcome, Verdict

CTRF_SPEC = "0.0.0"
STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"

_STATUS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.SKIPPED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_RUN: "pending",
    Verdict.INCONCLUSIVE: "other",
}


_JUNIT = {
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.NOT_RUN: "error",
    Verdict.SKIPPED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def ctrf(record: Record) -> dict[str, Any]:
    """Give the run as a CTRF report; durations are milliseconds, times unix milliseconds.

    INCONCLUSIVE is `other` and NOT RUN is `pending`: CTRF has no nearer words. Ours stand in `rawStatus`.
    """
    statuses = [_STATUS[check.verdict] for check in record.checks]
    facts = record.facts
    return {
        "reportFormat": "CTRF",
        "specVersion": CTRF_SPEC,
        "results": {
            "tool": {"name": "pytest", "extra": {"suite": f"butler-acceptance {facts.suite_version}".strip()}},
            "summary": {
                "tests": len(statuses),
                **{word: statuses.count(word) for word in ("passed", "failed", "pending", "skipped", "other")},
                "start": _milliseconds(facts.started_at),
                "stop": _milliseconds(facts.finished_at),
                "extra": {"outcome": record.outcome.value, "reasons": list(record.reasons)},
            },
            "tests": [_ctrf_test(check) for check in record.checks],
            "environment": {
                "appName": "Butler",
                "testEnvironment": host_of(facts),
                **({"commit": commit} if (commit := butler_commit(facts)) else {}),
                "extra": {
                    "suiteCommit": facts.commit,
                    "run": facts.run_id,
                    "ticket": facts.ticket,
                    "mode": facts.mode,
                    "operator": facts.operator,
                },
            },
        },
    }


def statement(record: Record, log_digest: str) -> dict[str, Any]:
    """Give the in-toto statement: this log says that this target, in this configuration, had this result.

    The subject is the commit that all of Butler's services say they run, where they do, and the event log, whose
    digest names the run.
    A GO is PASSED, with waivers or absent parts WARNED; everything else is FAILED, so that a policy which knows only
    these three words lets nothing through that was not proved.

    Args:
        record: The run.
        log_digest: SHA-256 of `events.jsonl`, hex.
    """
    facts, waived = record.facts, any(waiver.valid for waiver in record.waivers)
    absent = any(check.verdict is Verdict.NOT_APPLICABLE for check in record.checks)
    passed = "WARNED" if waived or absent else "PASSED"
    target = json.dumps(dict(facts.target), sort_keys=True).encode()
    return {
        "_type": STATEMENT,
        "subject": [
            *([{"name": "butler", "digest": {"gitCommit": commit}}] if (commit := butler_commit(facts)) else []),
            {"name": f"{facts.run_id or 'run'}/events.jsonl", "digest": {"sha256": log_digest}},
        ],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": passed if record.outcome is Outcome.GO else "FAILED",
            "configuration": [
                {"name": f"target {host_of(facts)}", "digest": {"sha256": hashlib.sha256(target).hexdigest()}},
                {
                    "name": "suite",
                    "uri": f"pkg:generic/butler-acceptance@{facts.suite_version or 'unknown'}",
                    "annotations": {"commit": facts.commit, "mode": facts.mode, "outcome": record.outcome.value},
                },
            ],
            "passedTests": _names(record, Verdict.PASS),
            "warnedTests": _names(record, Verdict.INCONCLUSIVE, Verdict.NOT_RUN),
            "failedTests": _names(record, Verdict.FAIL),
        },
    }


def butler_commit(facts: Facts) -> str:
    """Give the full name of the commit that each service says it runs; empty where that is not known."""
    seen = facts.code.get("after") or facts.code.get("before") or {}
    checkout, running = str(seen.get("checkout") or ""), list((seen.get("running") or {}).values())
    said = {commit for commits in running for commit in commits}
    alike = bool(said) and all(checkout.startswith(commit) for commit in said)
    return checkout if alike and not seen.get("changed") and not seen.get("unknown") else ""


def junit(record: Record) -> str:
    """Give the run as JUnit XML: what was not proved is an error or a failure, and so is an outcome that is not GO."""
    suite = Element("testsuite", name=f"butler {host_of(record.facts)}", timestamp=record.facts.started_at)
    for check in record.checks:
        case = _case(suite, f"{check.stage}.{check.phase}", check.nodeid, check.seconds or 0)
        if element := _JUNIT.get(check.verdict):
            _said(case, element, check.verdict.value, check.reason)
    run = _case(suite, "run", f"outcome of {record.facts.run_id}", record.facts.seconds or 0)
    if record.outcome is not Outcome.GO:
        _said(run, "failure", record.outcome.value, "; ".join(record.reasons))
    suite.set("tests", str(len(record.checks) + 1))
    for plural, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(plural, str(len(suite.findall(f"testcase/{element}"))))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _case(suite: Element, where: str, name: str, seconds: float) -> Element:
    return SubElement(suite, "testcase", classname=where, name=name, time=f"{seconds:.3f}")


def _said(case: Element, element: str, kind: str, text: str) -> None:
    shown = _UNPRINTABLE.sub("?", text)  # XML 1.0 has no words for control characters
    SubElement(case, element, type=kind, message=shown)


def _ctrf_test(check: Check) -> dict[str, Any]:
    told = {"message": check.reason} if check.reason else {}
    return {
        "name": check.title or check.name,
        "status": _STATUS[check.verdict],
        "duration": round((check.seconds or 0) * 1000),
        "rawStatus": check.verdict.value,
        "suite": [each for each in (check.stage, check.phase) if each],
        "filePath": check.nodeid.partition("::")[0],
        "tags": list(check.items),
        **told,
        "extra": {"nodeid": check.nodeid},
    }


def _names(record: Record, *verdicts: Verdict) -> list[str]:
    return [check.nodeid for check in record.checks if check.verdict in verdicts]


def _milliseconds(at: str) -> int:
    found = parse(at)
    return round(found.timestamp() * 1000) if found else 0
