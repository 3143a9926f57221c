"""What the checks of pre-deployment share: the backup."""

from __future__ import annotations

import pytest

from acceptance.backup.making import Backup, back_up
from fixtures.given import NewId, Target


@pytest.fixture(scope="session")
def backup(target: Target, new_id: NewId) -> Backup:
    """A fresh backup; `new_id` asks for leave to restore it into a database of this run."""
    return back_up(target)
