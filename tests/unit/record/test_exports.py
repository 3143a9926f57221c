"""The exports for other tools: CTRF and in-toto, each checked by somebody else's rules where there are some."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import jsonschema
import pytest
import record_samples as samples
import time_machine
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from record_writer import START

from acceptance.disk import sha256_of
from acceptance.events import EventLog
from acceptance.record.exports import ctrf
from acceptance.record.publish import load, publish

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
    assert raw["subject"][0]["digest"] == {"sha256": sha256_of(folders[name] / "events.jsonl")}


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


@pytest.mark.parametrize("name", NAMES)
def test_junit_has_every_check_and_one_case_more_for_the_outcome(folders, name):
    record = load(folders[name])
    suite = ElementTree.parse(folders[name] / "junit.xml").getroot()
    bad = sum(record.counts.get(verdict, 0) for verdict in ("FAIL", "INCONCLUSIVE", "NOT RUN"))
    lost = 0 if record.outcome == "GO" else 1
    assert int(suite.get("tests")) == len(suite.findall("testcase")) == len(record.checks) + 1
    assert int(suite.get("failures")) + int(suite.get("errors")) == bad + lost
    assert (suite.findall("testcase")[-1].find("failure") is None) == (record.outcome == "GO")


SHA, OTHER = "a1" * 20, "b2" * 20


@pytest.mark.parametrize(
    ("seen", "commit"),
    [
        ({"checkout": SHA, "running": {"bot": [SHA], "api": [SHA[:8]]}}, SHA),
        ({"checkout": SHA, "running": {"bot": [SHA], "api": [OTHER]}}, ""),
        ({"checkout": SHA, "running": {"bot": [SHA]}, "unknown": ["api: nobody says"]}, ""),
        ({"checkout": SHA, "running": {"bot": [SHA]}, "changed": ["src/x.py"]}, ""),
        ({"checkout": SHA, "running": {}}, ""),
        ({}, ""),
    ],
    ids=["all-say-it", "one-says-another", "one-does-not-say", "changed-files", "nobody-says", "not-asked"],
)
def test_commit_in_evidence_is_the_one_that_runs_or_none(tmp_path, seen, commit):
    """Never the suite's own: that would be a wrong claim."""
    folder = samples.go(tmp_path / "go")
    EventLog(folder / "events.jsonl").append("code.seen", moment="after", **seen)
    publish(folder)
    subjects = json.loads((folder / "intoto.json").read_text())["subject"]
    environment = json.loads((folder / "ctrf.json").read_text())["results"]["environment"]
    named = [each["digest"]["gitCommit"] for each in subjects if each["name"] == "butler"]
    assert (named, environment.get("commit", "")) == ([commit] if commit else [], commit)


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
