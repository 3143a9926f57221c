"""Stage 21_01d, deploy code."""

import pytest

from acceptance.finding import summary
from acceptance.probes.reviews.over_restart import OverRestart
from fixtures.given import Ask, Before, CodeOf, Restart, StageWork

from .conftest import LOST


@pytest.mark.signoff
@pytest.mark.checklist("21_01d.deploy.1")
def test_deployment_pr_is_merged(signoff: Ask) -> None:
    """Merge deployment PR."""
    assert signoff("21_01d.deploy.1").name


@pytest.mark.checklist("21_01d.deploy.2")
def test_worker_runs_the_deployed_code(
    restart: Restart, stage_work: StageWork, over_restart: OverRestart, before: Before, patience_s: float
) -> None:
    """Deploy to production: the worker restarts while students submit, and Prometheus sees the new process."""
    with over_restart.submitting():
        restarted = restart()
    before.keep(LOST, over_restart.lost(patience_s))
    seen, name = [done.service for done in restarted if done.proved], stage_work.service.name
    assert seen == [name], f"expected a new process of {name}, found {restarted}"


@pytest.mark.checklist("21_01d.deploy.2")
def test_running_code_is_the_newest_of_the_main_branch(code: CodeOf, stage_work: StageWork) -> None:
    """Deploy to production: the process says the commit of the checkout, which is the newest of the main branch."""
    found = code(stage_work.service).findings()
    assert found == [], summary(found)
