"""The soak: its full time, its traffic, its reasons for ending early."""

import time

import pytest

from acceptance.stages.gates import Gate, Samples
from acceptance.stages.soak import soak
from acceptance.stages.stage import Stage
from acceptance.verdict import Inconclusive, Verdict

GATE = Gate("errors", "No errors", ("i",), "count", "bad", "== 0", total="total")
STAGE = Stage("21_01c", "t", 1, gates=(GATE,))


class Prometheus:
    def samples(self, _gate, _job, start, end, step):
        return Samples(start, end, step, {}, [(start, 0), (end, 9)], reported=1000)


def run(traffic=lambda: None, seconds=0.2, stopped=lambda: "", per_minute=6000):
    return soak(STAGE, Prometheus(), "api", traffic, seconds=seconds, step=0.01, per_minute=per_minute, stopped=stopped)


def test_full_time_elapses_under_traffic():
    begin = time.time()
    report = run(seconds=0.3)
    assert report.end - report.start >= 0.3
    assert time.time() - begin >= 0.3
    assert (report.sent > 10, report.results["errors"].verdict) == (True, Verdict.PASS)


def test_volume_is_bounded():
    assert run(seconds=0.2, per_minute=600).sent <= 3


def test_complaints_are_kept():
    assert set(run(traffic=lambda: "500").complaints) == {"500"}


def test_trigger_ends_the_soak_and_it_is_not_a_pass():
    with pytest.raises(Inconclusive, match="early: a trigger fired"):
        run(seconds=60, stopped=lambda: "a trigger fired")
