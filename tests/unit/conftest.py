"""Makes the helpers beside this file (`small_target`, `record_samples` ...) importable from each room's folder."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "ops"))  # as for a command that is run from there


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; below pytest's own the next pytest that starts shuts them out again."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)
