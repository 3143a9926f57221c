"""Stage 21_01b, deploy code."""

import pytest

from acceptance.finding import summary
from fixtures.given import Ask, CodeOf, Restart, StageWork


@pytest.mark.signoff
@pytest.mark.checklist("21_01b.deploy.1")
def test_deployment_pr_is_merged(signoff: Ask) -> None:
    """Merge deployment PR."""
    assert signoff("21_01b.deploy.1").name


@pytest.mark.checklist("21_01b.deploy.2")
def test_worker_runs_the_deployed_code(restart: Restart, stage_work: StageWork) -> None:
    """Deploy to production: the worker restarts and Prometheus sees the new process."""
    restarted, name = restart(), stage_work.service.name
    seen = [done.service for done in restarted if done.proved]
    assert seen == [name], f"expected a new process of {name}, found {restarted}"


@pytest.mark.checklist("21_01b.deploy.2")
def test_running_code_is_the_newest_of_the_main_branch(code: CodeOf, stage_work: StageWork) -> None:
    """Deploy to production: the process says the commit of the checkout, which is the newest of the main branch."""
    found = code(stage_work.service).findings()
    assert found == [], summary(found)
