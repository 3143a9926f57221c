"""A small version of `python -m tests.simulation`: good releases stay, bad ones are rolled back within the soak."""

import random
from pathlib import Path

import pytest
from simulation.soaks import Service, soak

from acceptance.stage import load_stage

STAGE, *OTHERS = (load_stage(Path(__file__).parents[3] / "ops_tests" / f"stage_21_01{letter}") for letter in "abcd")


@pytest.mark.parametrize(
    ("service", "least", "most"),
    [
        (Service(failed=0.01, slow=0.03), 0, 1),
        (Service(slow=0.03, per_minute=6), 0, 1),
        (Service(slow=0.10), 37, 40),
        (Service(failed=0.20), 39, 40),
        (Service(slow=0.30, bad_from=0.7), 39, 40),
        (Service(failed=0.01, slow=0.03, others_failed=0.03), 0, 1),
        (Service(others_failed=0.20), 39, 40),
    ],
    ids=["good", "good, and little used", "10 % slow", "20 % failed", "slow only late", "all good", "others failed"],
)
@pytest.mark.parametrize("scrape_s", [15, 60])
def test_of_40_soaks_so_many_are_rolled_back_by_a_trigger(service, least, most, scrape_s):
    dice = random.Random(21)
    fired = sum(soak(STAGE, service, scrape_s, dice, OTHERS).rolled_back_after is not None for _ in range(40))
    assert least <= fired <= most
