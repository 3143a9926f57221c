"""The lab that tests of commands and of the suite's power share; each leaves its flags and faults as it found them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from held_lab import held_lab
from hypothesis import HealthCheck, settings

# A busy machine is no fault of ours: it generates and runs examples slowly. The examples are others in each run.
settings.register_profile("busy", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def held_target() -> Iterator[Path]:
    """The target file of a running lab."""
    with held_lab() as target_file:
        yield target_file
