"""Stage 21_00: services restarted."""

import pytest

from fixtures.given import Restart, Target


@pytest.mark.checklist("21_00.checklist.4")
@pytest.mark.usefixtures("ready", "begun")
def test_all_services_restart(restart: Restart, target: Target) -> None:
    """Services restarted (to load new feature flags): Prometheus sees a new process of each."""
    restarted = restart()
    expected = {service.name for service in target.services.values()}
    assert {done.service for done in restarted if done.proved} == expected, (
        f"expected new processes of {sorted(expected)}, found {restarted}"
    )
