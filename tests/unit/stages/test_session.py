"""The stage in hand: what fires is acted on, whatever happens to its record."""

import pytest

from acceptance.gates.measures import GateResult, Trigger
from acceptance.stage import Stage
from acceptance.stages.session import StageWork
from acceptance.verdict import Verdict

TRIGGER = Trigger("failures", "Failures", ("trigger.1",), "count", "bad", "> 0")
FIRED = GateResult(TRIGGER, Verdict.FAIL, 3.0, 9, "found 3", 0, 1)


class FullDisk:
    def append(self, *_, **__):
        raise OSError(28, "No space left on device")


class Target:
    services = {}  # noqa: RUF012


def test_trigger_that_cannot_be_recorded_still_ends_the_stage():
    ended = []
    work = StageWork(
        Stage("21_01c", "t", 1), Target(), None, None, FullDisk(), end=lambda verdict, reason: ended.append(verdict)
    )
    with pytest.raises(OSError, match="No space"):
        work._fired(FIRED)
    assert ended == [Verdict.FAIL]
