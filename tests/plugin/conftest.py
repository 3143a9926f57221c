"""A lab held for the tests of the plugin, and small projects of checks, each run in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_project import ROOT, Project

from acceptance.conduct.provider import start_provider


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The target file of a running lab."""
    provider = start_provider("python -m lab serve", ROOT, tmp_path_factory.mktemp("lab") / "lab.log")
    yield provider.target_file
    provider.end()


@pytest.fixture
def project(tmp_path: Path, lab: Path) -> Iterator[Project]:
    """An empty project; whatever the test did, the lab's flags must be off after it."""
    made = Project(tmp_path, lab)
    yield made
    assert (made.flags(), made.journal_is_closed()) == ([], True)
