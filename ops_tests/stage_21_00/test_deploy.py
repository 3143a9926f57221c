"""Stage 21_00: services restarted."""

from dataclasses import replace

import pytest

from acceptance.finding import summary


@pytest.mark.checklist("21_00.checklist.4")
@pytest.mark.usefixtures("ready", "begun")
def test_all_services_restart(restart, target):
    """Services restarted (to load new feature flags): Prometheus sees a new process of each."""
    restarted = restart()
    expected = {service.name for service in target.services.values()}
    assert {done.service for done in restarted if done.proved} == expected, restarted


@pytest.mark.checklist("21_00.checklist.4")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_running_code_is_that_of_the_checkout(key, code, target):
    """Services restarted: each runs the commit of the checkout; whether that is the newest, its own stage asks."""
    found = replace(code(target.services[key]), main="", changed=()).findings()
    assert found == [], summary(found)
