"""The catalogue's times are those of a run's event log."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from acceptance.events import Event
from power.noticed import Noticed
from power.stage_run import StageRun

CHECK = ("check.finished", {"nodeid": "test_soak.py::test_gate", "verdict": "FAIL", "reason": "errors"})
FIRED = ("trigger.fired", {"trigger": "write_failures", "reason": "errors"})
STARTED, FAILED, ENDED = (
    ("rollback.started", {}),
    ("rollback.finished", {"ok": False}),
    ("rollback.finished", {"ok": True}),
)
ON = [("stage.started", {}), ("flag.changed", {"after": "true"})]
OFF = ("flag.changed", {"after": "false"})


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([*ON, STARTED, OFF, ENDED, CHECK], ("test_gate", 1, 2, "restored")),
        ([*ON, FIRED, STARTED, OFF, ENDED, CHECK], ("trigger write_failures", 1, 3, "restored")),
        ([*ON, STARTED, FAILED, CHECK, OFF, ENDED], ("test_gate", 1, 4, "restored")),
        ([*ON, STARTED, FAILED, CHECK], ("test_gate", 1, 1, "rollback failed")),
        ([*ON[:1], CHECK], ("test_gate", 1, None, "not switched")),
    ],
    ids=["a check", "a trigger", "a second try", "a rollback that failed", "before the switch"],
)
def test_times_count_from_the_failure_that_a_rollback_is_for(log, expected):
    at = [datetime.fromtimestamp(second, UTC).isoformat() for second in range(len(log))]
    events = tuple(Event(n, at[n], kind, data, "", "") for n, (kind, data) in enumerate(log))
    found = Noticed.of(StageRun(1, "", 0.0, Path(), events), ("f",), "21_01c")
    assert (found.by, found.after_s, found.undone_s, found.flag) == expected
