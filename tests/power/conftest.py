"""The order of these tests among several workers."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the test that waits longest: at the end all others would wait for it."""
    items.sort(key=lambda item: item.name != "test_healthy_deployment_stage_by_stage_is_go[other]")
