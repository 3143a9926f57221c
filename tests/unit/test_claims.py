"""Each passed check shows what it claimed and saw, and each failed one its findings."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from acceptance import tally
from acceptance.polling import beside

CONFTEST = """
import json
import pytest
from acceptance.tally import count
from fixtures.evidence import Claims

@pytest.fixture(scope="module")
def free():
    measured = 12
    count("HTTP 201")
    assert measured, "an assertion of a helper, or of a library that pytest rewrites, is no claim of the check"
    return measured

def pytest_configure(config):
    config.pluginmanager.register(Claims())

def pytest_runtest_logreport(report):
    if report.when == "call":
        print("PROPERTIES", json.dumps([report.nodeid.rpartition("::")[2], report.user_properties]))
"""
CHECKS = """
from acceptance.tally import count
from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity, summary

WRONG = Finding("written outside", "case 7", "no file", "/x", Severity.CRITICAL, evidence=(Evidence("http", "case 7"),))

def test_good(free):
    found = []
    count("Prometheus")
    assert free > 10, "told only when it fails"
    assert found == [], summary(found)

def test_also_good(free):
    found = []
    assert found == []

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
    claims = [("free > 10", "12 > 10"), ("nothing wrong", "nothing wrong in 1 × HTTP 201, 1 × Prometheus")]
    good = [("claim", {"expected": expected, "observed": observed}) for expected, observed in claims]
    assert told["test_good"] == good, done.stdout
    assert told["test_also_good"][0][1]["observed"] == "nothing wrong in 1 × HTTP 201", done.stdout
    (_, found), (_, seen) = told["test_bad"]
    assert (found["kind"], found["data"]["counts"]) == ("findings", {"written outside": 1})
    assert (seen["kind"], seen["title"]) == ("http", "case 7")
    assert "1 written outside: case 7: expected no file, found /x" in done.stdout


def silent(statements: Sequence[ast.stmt], within: bool = False) -> Iterator[ast.stmt]:
    """Give the returns without an assertion before them, and the last statement where the way to it has none."""
    for before, each in zip([None, *statements], statements, strict=False):
        if isinstance(each, ast.Return) and not isinstance(before, ast.Assert):
            yield each
        yield from silent([inner for inner in ast.iter_child_nodes(each) if isinstance(inner, ast.stmt)], within=True)
    if not within and not any(isinstance(each, ast.Assert) for each in statements):
        yield statements[-1]


def test_no_check_can_pass_without_a_claim() -> None:
    files = sorted((Path(__file__).parents[2] / "ops_tests").glob("*/test_*.py"))
    made = [(file, node) for file in files for node in ast.parse(file.read_text()).body]
    checks = [(file, node) for file, node in made if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"]
    found = [f"{file}:{each.lineno}: {check.name}" for file, check in checks for each in silent(check.body)]
    assert (len(checks) > 200, found) == (True, []), "expected an assertion on each way through a check"


def test_what_is_asked_beside_the_checks_is_none_of_theirs() -> None:
    def watch() -> None:
        tally.watches()
        tally.count("Prometheus")
        beside(lambda: tally.count("log")).result()

    before = tally.counted()
    beside(watch).result()
    beside(lambda: tally.count("HTTP 201")).result()
    assert tally.counted() - before == {"HTTP 201": 1}
