"""A run that is killed leaves the target as it was: each quick cell of the matrix once.

All of it: ``python -m tests.interruption 300``.
"""

import os

import pytest
from held_lab import held_lab

from interruption.arena import Arena
from interruption.matrix import CELLS, FROZEN, kills

NUMBER = int(os.environ.get("INTERRUPTIONS", len(CELLS) - FROZEN))
SEED = int(os.environ.get("INTERRUPTION_SEED", "1"))


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    with held_lab() as lab:
        yield Arena(lab, tmp_path_factory.mktemp("arena"))


@pytest.mark.parametrize("kill", kills(NUMBER, SEED), ids=str)
def test_killed_run_leaves_nothing_behind(arena, kill):
    hit, _, faults = arena.kill(kill)
    assert (hit, faults) == (True, [])
