"""The checklist's three special considerations, over a real lab: overrun, partial failure, external dependency down."""

import json
import shutil

import pytest
from production_lab import GOOD, planned, production, run_at
from small_project import ROOT, Project

ACCEPT = "def test_accepted(flag_on, stage_work): assert stage_work.conductor.accept('{id}')\n"
BAD = "def test_bad(flag_on): assert 'seen' == 'expected'\n"
FLAGS = {
    "21_01a": "USE_NEW_DIALOG_CONTEXT_REPO",
    "21_01b": "USE_NEW_HOMEWORK_REVIEW_SERVICE",
    "21_01c": "USE_NEW_STORAGE_ADAPTER",
    "21_01d": "USE_DECOMPOSED_USE_CASE",
}


@pytest.fixture
def project(tmp_path, lab):
    """An empty project; flags that a test left enabled are restored by hand, as a lab has no morning after."""
    made = Project(tmp_path, lab)
    yield made
    assert made.journal_is_closed()
    text = made.target.env_file.read_text()
    for flag in FLAGS.values():
        text = text.replace(f"{flag}=true", f"{flag}=false")
    made.target.env_file.write_text(text)


def accepted(stage_id):
    return ACCEPT.format(id=stage_id)


def reason(done, stage_id):
    return next(data["reason"] for data in done.of("stage.finished") if data["stage"] == stage_id)


def overrun(project):
    production(project)
    for stage_id, minutes in (("21_01c", 20), ("21_01d", 120)):
        project.stage(stage_id, flag_on=GOOD.replace("test_good", f"test_{stage_id}"))
        planned(project, stage_id, minutes)
    return project


def test_a_stage_that_does_not_fit_any_more_is_not_run_and_asks_for_an_approval(project):
    """At 04:30 there is time for a stage of 20 minutes, and none for one of 120."""
    done = run_at(overrun(project), "2026-11-28T04:30:00+00:00")
    assert done.verdicts() == {"test_21_01c": "PASS", "test_21_01d": "NOT RUN"}, done.output
    assert done.code == 11
    assert reason(done, "21_01d").startswith("window: it is Sat 2026-11-28 04:3")
    assert "approval needed" in reason(done, "21_01d")
    assert [data["stage"] for data in done.of("flag.changed")] == ["21_01c"]


def test_an_approval_has_a_reason_and_a_name_in_the_record(project):
    words = ["--outside-window", "extended by K. Adeyemi until 08:00", "--operator", "M. Olsen"]
    done = run_at(overrun(project), "2026-11-28T04:30:00+00:00", *words)
    assert done.verdicts() == {"test_21_01c": "PASS", "test_21_01d": "PASS"}, done.output
    folder = next(project.folder.glob("out/*/record.json")).parent
    facts = json.loads((folder / "record.json").read_text())["facts"]
    assert (facts["outside_window"], facts["operator"]) == (words[1], words[3])
    assert all(word in (folder / "record.html").read_text() for word in (words[1], words[3]))


def test_good_stages_are_kept_the_failed_one_is_rolled_back_its_dependents_do_not_start(project):
    project.stage("21_01a", exit_gate=accepted("21_01a"))
    project.stage("21_01b", depends=["21_01a"], flag_on=BAD)
    project.stage("21_01c", depends=["21_01b"], flag_on="def test_dependent(flag_on): pass\n")
    project.stage("21_01d", exit_gate=accepted("21_01d").replace("test_accepted", "test_independent"))
    done = project.run("--mode", "deploy")
    wanted = {"test_accepted": "PASS", "test_bad": "FAIL", "test_dependent": "NOT RUN", "test_independent": "PASS"}
    assert done.verdicts() == wanted, done.output
    assert project.flags() == sorted([FLAGS["21_01a"], FLAGS["21_01d"]])
    assert [data["stage"] for data in done.of("rollback.finished") if data["ok"]] == ["21_01b"]
    assert (done.code, done.outcome) == (1, "NO-GO")
    assert f"{FLAGS['21_01a']}=true" in done.output[done.output.index("flags now") :]


def test_external_dependency_down_leaves_its_stage_out_and_the_others_go_on(project):
    """Stage 21_01b's own preflight, with the lab's HW checker down: its flag stays off, 21_01c and 21_01d run."""
    source = ROOT / "ops_tests" / "stage_21_01b"
    copy = project.folder / "ops_tests" / "stage_21_01b"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    description = copy / "stage.toml"
    description.write_text(description.read_text().replace('depends_on = ["21_00"]', ""))
    project.stage("21_01c", flag_on=GOOD)
    with (project.folder / "pyproject.toml").open("a") as settings:
        settings.write('addopts = "-W ignore::pytest.PytestUnknownMarkWarning"\n')
    fault = project.lab.parent / "faults" / "hw-checker-down"
    fault.touch()
    try:
        done = project.run("--mode", "deploy")
    finally:
        fault.unlink()
    passed = {name for name, verdict in done.verdicts().items() if verdict == "PASS"}
    assert passed == {"test_good", "test_stage_can_be_switched_and_watched"}, done.output
    assert set(done.verdicts().values()) == {"PASS", "INCONCLUSIVE", "NOT RUN"}, done.output
    assert "reschedule" in reason(done, "21_01b")
    assert not [data for data in done.of("flag.changed") if data["stage"] == "21_01b"]
    assert (done.code, done.outcome) == (10, "INCONCLUSIVE")
