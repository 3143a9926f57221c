"""A survey of a target of which nothing runs: it asks every check, touches nothing and is no GO; it needs no lab."""

import pytest
from small_project import Project

TARGET = """TARGET_NAME=here
TARGET_KIND=production
INFRA_DIR={folder}
MONGODB_URL=mongodb://127.0.0.1:1/
GRAFANA_PASSWORD=grafana-pw
PROMETHEUS_URL=http://127.0.0.1:1
HTTP_TIMEOUT_SECONDS=1
"""
PREFLIGHT = "def test_bad(): assert 1 == 2\n"
FLAG_OFF = "def test_off(flag_off): assert flag_off.value is False\ndef test_writes(writes_data): pass\n"
FLAG_ON = "def test_on(flag_on): pass\n"
DEPLOY = "def test_restarts(restart): restart()\n"
EXIT = "def test_accepts(flag_off, stage_work): stage_work.conductor.accept('21_01c')\n"
BEFORE = "USE_NEW_STORAGE_ADAPTER=false\n"


@pytest.fixture
def project(tmp_path):
    infra = tmp_path / "infra"
    infra.mkdir()
    (infra / ".env.infra").write_text(BEFORE)
    file = tmp_path / "here.env"
    file.write_text(TARGET.format(folder=infra))
    made = Project(tmp_path, file)
    made.stage("21_01a", preflight="def test_first(): assert False\n", flag_on=FLAG_ON)
    phases = {"preflight": PREFLIGHT, "deploy": DEPLOY, "flag_off": FLAG_OFF, "flag_on": FLAG_ON, "exit_gate": EXIT}
    return made.stage("21_01c", depends=["21_01a"], **phases)


def test_survey_goes_on_through_every_check_and_touches_nothing(project):
    done = project.run("--mode=survey")
    assert done.verdicts() == {
        "test_first": "FAIL",
        "test_bad": "FAIL",
        "test_restarts": "NOT RUN",
        "test_off": "PASS",
        "test_writes": "NOT RUN",
        "test_on": "NOT RUN",
        "test_accepts": "NOT RUN",
    }, done.output
    assert (done.outcome, done.code) == ("SURVEY", 1), done.output
    assert not {"flag.changing", "service.restarting", "rollback.started", "stage.accepted"} & set(done.kinds())
    assert (project.folder / "infra" / ".env.infra").read_text() == BEFORE
    assert "SURVEY: what was found" in done.output
