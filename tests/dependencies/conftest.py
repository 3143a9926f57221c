"""A target of one folder, as the library's own tests have it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acceptance.target.model import Target

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))


@pytest.fixture
def target(tmp_path: Path) -> Callable[..., Target]:
    from small_target import small_target

    return lambda **settings: small_target(tmp_path, **settings)
