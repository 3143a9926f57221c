"""What the checks of pre-deployment share: the backup, the flags as they are, and where Butler's code is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acceptance.backup.making import Backup, back_up
from acceptance.target.model import Target
from fixtures.target import NewId


@pytest.fixture(scope="session")
def backup(target: Target, new_id: NewId) -> Backup:
    """A fresh backup; ``new_id`` asks for leave to restore it into a database of this run."""
    return back_up(target)


@pytest.fixture
def code_dir() -> Path | None:
    """The checkout of Butler's code, where OPS_CODE_DIR names it."""
    named = os.environ.get("OPS_CODE_DIR")
    return Path(named) if named else None
