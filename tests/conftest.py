"""The lab that tests of commands and of the suite's power share; each leaves its flags and faults as it found them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from held_lab import held_lab


@pytest.fixture(scope="session")
def held_target() -> Iterator[Path]:
    """The target file of a running lab."""
    with held_lab() as target_file:
        yield target_file
