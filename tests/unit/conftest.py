"""Makes the helpers beside this file (`small_target`, `record_samples` ...) importable from each room's folder."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_target import Restarter, small_target

from acceptance.conduct.journal import Journal
from acceptance.target.model import Target

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "ops"))  # as for a command that is run from there


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A target of the test's own folder."""
    return small_target(tmp_path)


@pytest.fixture
def journal(target: Target) -> Journal:
    """The open journal of the target."""
    opened = Journal(target.journal_file, "run-1")
    opened.open()
    return opened


@pytest.fixture
def restarter() -> Restarter:
    """Who restarts its services, for show."""
    return Restarter()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; below pytest's own the next pytest that starts shuts them out again."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)
