"""The stage's service restarts by itself after the last request of the soak, as one does that ran out of memory."""

from collections.abc import Generator
from typing import Any

import pytest

from acceptance.conduct.services import Restarter


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
    """Restart it between the soak and its checks."""
    made = yield
    if fixturedef.argname == "soaked":
        work = request.getfixturevalue("stage_work")
        Restarter(work.target, work.prometheus).restart(work.stage.service)
    return made
