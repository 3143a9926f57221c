"""The exports for other tools: CTRF and in-toto, each checked by somebody else's rules where there are some."""

from __future__ import annotations

import json

import jsonschema
import pytest
import record_samples as samples
import time_machine
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from record_writer import START

from acceptance.events import EventLog
from acceptance.record.exports import ctrf
from acceptance.record.publish import digest, load, publish

NAMES = [name for name in samples.SAMPLES if name != "large"]
RESULTS = {"go": "PASSED"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One sealed folder of each kind."""
    made = {name: samples.SAMPLES[name](tmp_path_factory.mktemp("exports") / name) for name in NAMES}
    for folder in made.values():
        publish(folder)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_the_statement_is_valid_in_toto_and_only_a_go_has_passed(folders, name):
    raw = json.loads((folders[name] / "intoto.json").read_text())
    Statement.copy_from_pb(json_format.ParseDict(raw, Message())).validate()
    json_format.ParseDict(raw["predicate"], test_result_pb2.TestResult())
    assert raw["predicate"]["result"] == RESULTS.get(name, "FAILED")
    assert raw["subject"][0]["digest"] == {"sha256": digest(folders[name] / "events.jsonl")}


def test_a_go_with_a_waiver_is_only_warned(tmp_path):
    folder = samples.go(tmp_path / "go")
    log = EventLog(folder / "events.jsonl")
    with time_machine.travel(START, tick=False):
        log.append("waiver.used", item="21_01c.preflight.3", reason="no AV", approver="T. Lead", expires="2025-12-31")
    publish(folder)
    assert json.loads((folder / "intoto.json").read_text())["predicate"]["result"] == "WARNED"


@pytest.mark.parametrize("name", NAMES)
def test_ctrf_counts_every_check_once_and_passes_none_that_did_not(folders, name):
    record = load(folders[name])
    results = json.loads((folders[name] / "ctrf.json").read_text())["results"]
    summary = results["summary"]
    assert summary["tests"] == len(results["tests"]) == len(record.checks)
    assert sum(summary[word] for word in ("passed", "failed", "pending", "skipped", "other")) == summary["tests"]
    assert summary["passed"] == record.counts.get("PASS", 0)
    assert summary["stop"] >= summary["start"] > 1_700_000_000_000


COUNT = {"type": "integer", "minimum": 0}
COUNTS = ("tests", "passed", "failed", "pending", "skipped", "other", "start", "stop")
CTRF = {  # what CTRF's specification demands, in our words: https://ctrf.io/docs/specification/root
    "type": "object",
    "required": ["reportFormat", "specVersion", "results"],
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"pattern": r"^\d+\.\d+\.\d+$"},
        "results": {
            "required": ["tool", "summary", "tests"],
            "properties": {
                "tool": {"required": ["name"]},
                "summary": {"required": list(COUNTS), "properties": dict.fromkeys(COUNTS, COUNT)},
                "tests": {
                    "items": {
                        "required": ["name", "status", "duration"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                            "duration": COUNT,
                            "suite": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                            "tags": {"type": "array", "items": {"type": "string"}},
                        },
                    }
                },
            },
        },
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_ctrf_has_what_its_specification_demands(folders, name):
    jsonschema.Draft202012Validator(CTRF).validate(json.loads((folders[name] / "ctrf.json").read_text()))


def test_ctrf_keeps_our_own_words_and_reasons(folders):
    tests = {test["extra"]["nodeid"]: test for test in ctrf(load(folders["no_go"]))["results"]["tests"]}
    bad = next(test for nodeid, test in tests.items() if "write_errors" in nodeid)
    assert (bad["status"], bad["rawStatus"]) == ("failed", "FAIL")
    assert "expected no failed storage operation" in bad["message"]
    assert {"pending"} == {test["status"] for test in tests.values() if test["rawStatus"] == "NOT RUN"}
