"""An archive is lost after the last upload of the soak: nothing that goes on meanwhile reads it again."""

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
    """Take one archive away between the soak and its checks."""
    made = yield
    if fixturedef.argname == "soaked":
        next(iter(request.getfixturevalue("kept")._files)).unlink()
    return made
