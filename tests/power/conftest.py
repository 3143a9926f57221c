"""The order of these tests among several workers."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the test that waits longest: at the end all others would wait for it."""
    items.sort(key=lambda item: item.name != "test_whole_deployment_in_another_shape_is_go")
