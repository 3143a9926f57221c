"""Each passed check shows what it claimed and saw, and each failed one its findings."""

import json
import subprocess
import sys

CONFTEST = """
import json
from fixtures.evidence import Claims

def pytest_configure(config):
    config.pluginmanager.register(Claims())

def pytest_runtest_logreport(report):
    if report.when == "call":
        print("PROPERTIES", json.dumps([report.nodeid.rpartition("::")[2], report.user_properties]))
"""
CHECKS = """
from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity, summary

WRONG = Finding("written outside", "case 7", "no file", "/x", Severity.CRITICAL, evidence=(Evidence("http", "case 7"),))

def test_good():
    free, found = 12, []
    assert free > 10, "told only when it fails"
    assert found == [], summary(found)

def test_bad():
    found = [WRONG]
    assert found == [], summary(found)
"""


def test_claims_and_findings_travel_with_the_report(tmp_path):
    folder = tmp_path / "ops_tests" / "stage_x"
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nenable_assertion_pass_hook = true\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (folder / "test_preflight.py").write_text(CHECKS)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run([*command, "ops_tests"], cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [line.partition("PROPERTIES ")[2] for line in done.stdout.splitlines() if "PROPERTIES " in line]
    told = {name: [(key, json.loads(it)) for key, it in properties] for name, properties in map(json.loads, lines)}
    claims = [("free > 10", "12 > 10"), ("nothing wrong", "nothing wrong")]
    good = [("claim", {"expected": expected, "observed": observed}) for expected, observed in claims]
    assert told["test_good"] == good, done.stdout
    (_, found), (_, seen) = told["test_bad"]
    assert (found["kind"], found["data"]["counts"]) == ("findings", {"written outside": 1})
    assert (seen["kind"], seen["title"]) == ("http", "case 7")
    assert "1 written outside: case 7: expected no file, found /x" in done.stdout
