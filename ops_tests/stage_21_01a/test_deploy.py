"""Stage 21_01a, deploy code."""

import pytest

from acceptance.finding import summary
from fixtures.given import Ask, Butler, CodeOf, NewId, Restart, StageWork


@pytest.mark.signoff
@pytest.mark.checklist("21_01a.deploy.1")
def test_deployment_pr_is_merged(signoff: Ask) -> None:
    """Merge deployment PR (contains interface + adapter + orchestrator changes)."""
    assert signoff("21_01a.deploy.1").name


@pytest.mark.checklist("21_01a.deploy.3")
def test_bot_restarts(restart: Restart, stage_work: StageWork) -> None:
    """Restart services: the bot restarts and Prometheus sees the new process."""
    restarted, name = restart(), stage_work.service.name
    seen = [done.service for done in restarted if done.proved]
    assert seen == [name], f"expected a new process of {name}, found {restarted}"


@pytest.mark.checklist("21_01a.deploy.2")
def test_deployed_code_serves_the_gateway(butler: Butler, new_id: NewId) -> None:
    """Deploy to production: the code that runs takes messages: its gateway refuses one without text, or it polls."""
    found = butler.unserved(new_id("deploy"))
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.deploy.2")
def test_running_code_is_the_newest_of_the_main_branch(code: CodeOf, stage_work: StageWork) -> None:
    """Deploy to production: the process says the commit of the checkout, which is the newest of the main branch."""
    found = code(stage_work.service).findings()
    assert found == [], summary(found)
