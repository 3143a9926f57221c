"""What one user does wrong is no fault of a release; what many meet is."""

from pathlib import Path

import pytest
from samples_of import samples

from acceptance.gates.judging import judge
from acceptance.gates.triggers import evaluate
from acceptance.stage import load_stage

STAGE = load_stage(Path(__file__).parents[3] / "ops_tests" / "stage_21_01c")
(GATE,) = (each for each in STAGE.gates if each.id == "checksum-failures")
(TRIGGER,) = (each for each in STAGE.triggers if each.id == "false-checksum-failures")


@pytest.mark.parametrize(
    ("wrong", "of", "gate", "trigger"),
    [
        (1, 600, "PASS", "PASS"),
        (1, 16, "PASS", "PASS"),
        (3, 40, "FAIL", "PASS"),
        (40, 600, "FAIL", "FAIL"),
        (15, 15, "FAIL", "FAIL"),
    ],
)
def test_wrong_digests_are_judged_by_their_share(wrong, of, gate, trigger):
    held = samples([(0, 0), (1, 0), (2, wrong)], [(0, 0), (1, of // 2), (2, of)])
    assert (judge(GATE, held).verdict, evaluate(TRIGGER, held).verdict) == (gate, trigger)
