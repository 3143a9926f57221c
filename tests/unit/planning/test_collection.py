"""Leave out any one check of any stage, by any way, and the run is no GO: over all checks of the suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from acceptance.planning.collection import CHECKS, collect, stage_named
from acceptance.verdict import Outcome
from tests.completeness import ends, rows

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def everything():
    """The suite's own full collection."""
    found = collect(ROOT)
    assert (found.faults, len(found.checks) > 100) == ((), True)
    return found


@pytest.mark.parametrize("elsewhere", ["", "elsewhere"], ids=["beside", "elsewhere"])
def test_what_stays_compiled_keeps_what_each_check_claims(elsewhere, monkeypatch, tmp_path):
    """The run uses it: after a run by another ini file its record told of no check what it expected and found."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", prefix := str(tmp_path / elsewhere) if elsewhere else "")
    monkeypatch.setattr(sys, "pycache_prefix", prefix or None)
    (folder := tmp_path / CHECKS / "stage_x").mkdir(parents=True)
    (folder / "test_preflight.py").write_text("def test_good(): assert 1 < 2\n")
    (folder / "conftest.py").write_text("asserts = 'nothing'\n")
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(tmp_path), str(folder)]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    [compiled] = tmp_path.rglob("test_preflight*-pytest-*.pyc")
    [kept] = tmp_path.rglob("conftest*-pytest-*.pyc")
    begun = kept.stat().st_mtime_ns
    for telling in False, True:
        assert (b"_call_assertion_pass" in compiled.read_bytes()) is telling
        collect(tmp_path)
    assert kept.stat().st_mtime_ns == begun, "compiled again, although it asserts nothing"


def test_no_check_of_any_stage_can_be_left_out(everything):
    """Over all checks: one that the run has not selected is marked, and the run ends otherwise than GO."""
    found = list(rows(everything))
    assert sum(row.checks for row in found) == len(everything.checks)
    assert {row.stage: row.missed for row in found} == {row.stage: () for row in found}


def test_whole_stage_is_go(everything):
    mine = [check["nodeid"] for check in everything.checks if stage_named(check["nodeid"]) == "21_01c"]
    assert ends(mine, everything.expected(mine)) is Outcome.GO


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("import nothing_of_that_name\ndef test_b(): pass\n", "cannot be collected"),
        ("import pytest\npytest.skip('no', allow_module_level=True)\ndef test_b(): pass\n", "does not collect it"),
        ("def test_b(): pass\ndef test_hidden(): pass\n", "does not collect it"),
        ("def test_b(:\n", "cannot be collected"),
        ("if not __name__:\n    def test_b(): pass\n", "does not collect it"),
        ("class TestB:\n    __test__ = False\n    def test_b(self): pass\n", "does not collect it"),
        ("def test_b(): assert False\ndef test_b(): pass\n", "stands in the file 2 times"),
    ],
    ids=["import", "module-skip", "hidden-by-a-conftest", "syntax", "condition", "class", "twice"],
)
def test_what_is_not_collected_is_a_fault_of_its_stage(tmp_path, monkeypatch, written, fault):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing --ignore ops_tests")
    folder = tmp_path / CHECKS / "stage_21_01c"
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = none_of_these\naddopts = --co -k none\n")
    hide = "def pytest_collection_modifyitems(items): items[:] = [i for i in items if i.name != 'test_hidden']\n"
    (folder / "conftest.py").write_text(hide)
    (folder / "test_preflight.py").write_text("def test_a(): pass\n")
    (folder / "test_soak.py").write_text(written)
    found = collect(tmp_path)
    a = f"{CHECKS}/stage_21_01c/test_preflight.py::test_a"
    assert (a in [check["nodeid"] for check in found.checks], len(found.faults)) == (True, 1), found
    assert fault in found.faults[0]["title"]
    assert found.faults[0] in found.expected([a])
    assert ends([a], found.expected([a])) is Outcome.INCONCLUSIVE


def test_collection_that_fails_is_a_fault_of_every_stage(tmp_path):
    found = collect(tmp_path)  # there is no folder of checks
    assert [fault["nodeid"] for fault in found.expected(["ops_tests/stage_21_01c/test_soak.py::test_a"])] == [CHECKS]
