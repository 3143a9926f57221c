"""A deployment of production has a ticket, whose earlier runs are asked for, before anything is contacted: no lab."""

import pytest
from small_project import Project

FLAG_ON = "def test_good(flag_on): pass\n"
TARGET = """TARGET_NAME=here
TARGET_KIND={kind}
ALLOW_MUTATIONS=true
INFRA_DIR={folder}
MONGODB_URL=mongodb://127.0.0.1:1/
GRAFANA_PASSWORD=grafana-pw
PROMETHEUS_URL=http://127.0.0.1:1
"""
DEPLOY = ("--mode=deploy", "--ticket=CHG-2026-11-042", "--operator=M. Olsen", "--outside-window=a test")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / ".env.infra").write_text("USE_NEW_STORAGE_ADAPTER=false\n")
    file = tmp_path / "here.env"
    file.write_text(TARGET.format(kind="production", folder=tmp_path / "infra"))
    made = Project(tmp_path, file)
    made.stage("21_01a", flag_on=FLAG_ON)
    return made.stage("21_01c", depends=["21_01a"], flag_on=FLAG_ON)


def test_stage_alone_does_not_start_in_production(project):
    done = project.run("-mstage_21_01c", *DEPLOY)
    assert done.code == 13, done.output
    assert "21_01a was not run with this ticket" in done.output
    [refused] = done.of("run.refused")
    assert (refused["target"]["name"], refused["ticket"]) == ("here", "CHG-2026-11-042")
    assert (project.folder / "infra" / ".env.infra").read_text() == "USE_NEW_STORAGE_ADAPTER=false\n"


@pytest.mark.parametrize("missing", ["operator", "ticket"])
def test_production_deployment_names_its_operator_and_its_ticket(missing, project):
    done = project.run("-mstage_21_01c", *(each for each in DEPLOY[:3] if not each.startswith(f"--{missing}")))
    assert (done.code, f"a production deployment needs --{missing}" in done.output) == (4, True), done.output


def test_both_together_are_not_refused_for_that(project):
    done = project.run(*DEPLOY)
    assert "was not run with this ticket" not in done.output
