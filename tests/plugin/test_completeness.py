"""A stage is accepted only if every check of its folder ran, whatever left one out. Small projects on a real lab."""

import pytest
from small_project import ROOT

FIRST = "def test_first(): pass\ndef test_second(): pass\n"
GATE = """
from acceptance.verdict import Inconclusive
def test_accepted(flag_on, flow, stage_work):
    if missing := [why for why in flow.unmet('21_01c') if 'left out' in why]: raise Inconclusive(missing[0])
    stage_work.conductor.accept('21_01c')
"""
FOLDER = "ops_tests/stage_21_01c"
SECOND = f"{FOLDER}/test_preflight.py::test_second"
WAYS = {
    "node-ids": [f"{FOLDER}/test_preflight.py::test_first", f"{FOLDER}/test_exit_gate.py"],
    "by-name": ["-k", "not second"],
    "deselect": ["--deselect", SECOND],
    "ignore": ["--ignore", f"{FOLDER}/test_preflight.py"],
    "ini": ["-o", "python_files=test_exit_gate.py"],
    "environment": {"PYTEST_ADDOPTS": "-k 'not second'", "OPS_WEBHOOK_URL": "https://hooks.example.com/T0/hunter2"},
    "plugin": "def pytest_collection_modifyitems(items): items[:] = [i for i in items if i.name != 'test_second']\n",
    "skipped-by-a-plugin": "def pytest_runtest_setup(item):\n    if item.name == 'test_second': pytest.skip('slow')\n",
    "marked": "def pytest_itemcollected(item):\n    if item.name == 'test_second': item.add_marker('skip')\n",
    "not-made": "@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call(pyfuncitem):\n"
    "    return pyfuncitem.name == 'test_second' or None\n",
    "not-importable": "import nothing_of_that_name\n",
}


def deploy(project, way):
    """Deploy the stage with one of its checks left out in this way."""
    means = WAYS.get(way, [])
    project.stage("21_01c", preflight=means + FIRST if way == "not-importable" else FIRST, exit_gate=GATE)
    if isinstance(means, str) and way != "not-importable":
        conftest = project.folder / FOLDER / "conftest.py" if way == "plugin" else project.folder / "conftest.py"
        conftest.write_text((conftest.read_text() if conftest.exists() else "") + "\nimport pytest\n" + means)
    options = (
        ["--continue-on-collection-errors"] if way == "not-importable" else means if isinstance(means, list) else []
    )
    return project.finish(project.start("--mode", "deploy", *options, **(means if isinstance(means, dict) else {})))


@pytest.mark.parametrize("way", WAYS)
def test_stage_with_a_check_left_out_is_not_accepted(project, way):
    done = deploy(project, way)
    assert (done.outcome, done.code in (10, 11), project.flags()) == ("INCONCLUSIVE", True, []), done.output
    assert "stage.accepted" not in done.kinds()
    assert_surroundings_are_told(way, done)


def assert_surroundings_are_told(way, done):
    """What decided about the run stands in its record: options, environment without secrets, the suite's exact text."""
    [found] = [start["surroundings"] for start in done.of("run.started")]
    assert (WAYS["ini"][1] in found["ini overrides"]) is (way == "ini")
    assert found["environment"].get("PYTEST_ADDOPTS", "") == ("-k 'not second'" if way == "environment" else "")
    assert ("OPS_WEBHOOK_URL" in found["environment"], "hunter2" in done.output + str(done.events)) == (
        way == "environment",
        False,
    )
    assert any(each.startswith("pytest-html-") for each in found["plugins"])
    assert {f"{FOLDER}/stage.toml", "checklist", "suite"} == set(found["digests"])
    assert {len(each) for each in found["digests"].values()} == {64}


def test_whole_stage_is_accepted(project):
    done = deploy(project, "")
    flags = project.flags()
    file = project.target.env_file
    file.write_text(file.read_text().replace("USE_NEW_STORAGE_ADAPTER=true", "USE_NEW_STORAGE_ADAPTER=false"))
    assert (done.outcome, done.code, flags) == ("GO", 0, ["USE_NEW_STORAGE_ADAPTER"]), done.output


AGAIN = """
from _pytest.runner import runtestprotocol
def pytest_runtest_protocol(item, nextitem):
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(each.failed for each in reports):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


@pytest.mark.parametrize(
    ("body", "plugin"),
    [("assert tries.append(1) or len(tries) > 1", AGAIN), ("return not tries.append(1)", "")],
    ids=["tried again by a plugin", "returned and not asserted"],
)
def test_what_is_no_pass_is_a_failure(project, body, plugin):
    project.stage("21_01c", preflight=f"tries = []\ndef test_bad():\n    {body}\n")
    (project.folder / "again.py").write_text(plugin)
    done = project.finish(project.start("-pagain", "-pno:html", PYTHONPATH=f"{ROOT}:{project.folder}"))
    assert (done.code, done.verdicts()) == (1, {"test_bad": "FAIL"}), done.output


@pytest.mark.parametrize("option", ["--assert=plain", "-oenable_assertion_pass_hook=false"])
def test_assertions_that_python_may_leave_out_are_refused(project, option):
    project.stage("21_01c", preflight="def test_bad(): assert False\n")
    done = project.finish(project.start(option, PYTHONOPTIMIZE="1"))
    assert (done.code, done.events, "under `python -O` no check claims anything" in done.output) == (4, [], True)


def test_failure_that_is_marked_as_expected_is_a_failure(project):
    done = project.stage("21_01c", preflight="@pytest.mark.xfail\ndef test_bad(): assert False\n").run()
    assert (done.code, done.verdicts()) == (1, {"test_bad": "FAIL"}), done.output
