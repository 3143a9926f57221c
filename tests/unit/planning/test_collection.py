"""Leave out any one check of any stage, by any way, and the run is no GO: over all checks of the suite."""

from pathlib import Path

import pytest
from record_writer import chain

from acceptance.events import read_events
from acceptance.outcome import Ending
from acceptance.planning.collection import CHECKS, collect, stage_named
from acceptance.record.build import conclude
from acceptance.verdict import Outcome

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def everything():
    """The suite's own full collection."""
    found = collect(ROOT)
    assert (found.faults, len(found.checks) > 100) == ((), True)
    return found


def closing(folder, collection, left_out=""):
    """How a run ends in which every check but one is good."""
    selected = [check["nodeid"] for check in collection.checks if check["nodeid"] != left_out]
    done = [("check.finished", {"nodeid": nodeid, "verdict": "PASS"}) for nodeid in selected]
    log = folder / "events.jsonl"
    chain(log, [], [("run.started", {}), ("checks.expected", {"checks": collection.expected(selected)}), *done])
    return conclude(read_events(log), Ending())


def test_any_one_check_left_out_is_expected_all_the_same(everything):
    """Over all checks of all stages, whatever the way: what the run has not selected is marked, and nothing else."""
    nodeids = [check["nodeid"] for check in everything.checks]
    stage = {nodeid: stage_named(nodeid) for nodeid in nodeids}
    for nodeid in nodeids:
        mine = [each for each in nodeids if stage[each] == stage[nodeid]]
        expected = everything.expected(each for each in mine if each != nodeid)
        assert [check["nodeid"] for check in expected] == mine, nodeid
        assert [check["nodeid"] for check in expected if "left_out" in check] == [nodeid]


def test_stage_without_one_of_its_checks_is_no_go(everything, tmp_path):
    """One of each stage, through the log: what is expected and did not run ends as INCONCLUSIVE."""
    stages = {stage_named(check["nodeid"]): check["nodeid"] for check in everything.checks}
    assert closing(tmp_path, everything).outcome is Outcome.GO
    ended = {stage: closing(tmp_path, everything, left_out=nodeid) for stage, nodeid in stages.items()}
    assert {stage: (end.outcome, end.exit_code) for stage, end in ended.items()} == dict.fromkeys(
        stages, (Outcome.INCONCLUSIVE, 11)
    )


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("import nothing_of_that_name\ndef test_b(): pass\n", "cannot be collected"),
        (
            "import pytest\npytest.skip('not here', allow_module_level=True)\ndef test_b(): pass\n",
            "does not collect it",
        ),
        ("def test_b(): pass\ndef test_hidden(): pass\n", "does not collect it"),
        ("def test_b(:\n", "cannot be collected"),
    ],
    ids=["import", "module-skip", "hidden-by-a-conftest", "syntax"],
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
    assert closing(tmp_path, found).outcome is Outcome.INCONCLUSIVE


def test_collection_that_fails_is_a_fault_of_every_stage(tmp_path):
    found = collect(tmp_path)  # there is no folder of checks
    assert [fault["nodeid"] for fault in found.expected(["ops_tests/stage_21_01c/test_soak.py::test_a"])] == [CHECKS]
