"""The stage in hand: what fires is acted on, whatever happens to its record."""

from types import SimpleNamespace

import pytest
from small_target import small_target

from acceptance.events import EventLog
from acceptance.gates.figures import TriggerState
from acceptance.gates.measures import GateResult, Trigger
from acceptance.kinds import RollbackStarted
from acceptance.observe import started
from acceptance.stage import Stage
from acceptance.stages import session
from acceptance.stages.session import StageWork
from acceptance.stages.user_triggers import HardFault
from acceptance.stages.watch_state import WatchState
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


@pytest.mark.parametrize(
    ("rolled_back", "told"), [("21_01c", "blind for 30 s"), ("21_01b", "somebody else"), ("", "somebody else")]
)
def test_flag_that_the_watchdog_restored_was_switched_by_nobody_else(rolled_back, told, tmp_path):
    """The soak sees the env file before the watch is told; it then asked who of the team had written it."""
    target, log = small_target(tmp_path), EventLog(tmp_path / "events.jsonl")
    log.append("note", text="the run began")
    if rolled_back:
        RollbackStarted(stage=rolled_back, reason="blind for 30 s").tell(log)
    run = SimpleNamespace(events=log.path)
    target.env_file.write_text(f"{target.flags['21_01c']}=false\n")
    work = StageWork(Stage("21_01c", "t", 1, service="api"), target, run, None, log, end=print)
    assert told in work._stopped()
    target.env_file.write_text(f"{target.flags['21_01c']}=true\n")
    assert work._stopped() == ""


def test_a_person_at_the_terminal_sees_the_triggers_of_our_own_traffic_too():
    work = StageWork(Stage("21_01c", "t", 1), Target(), None, None, None, end=print)
    work.watch = SimpleNamespace(state=WatchState(1.0, 9.0, 1.0, 4, (TriggerState("a", "A", (), "> 0"),)))
    HardFault("not-stored", "Not stored", (), 2).check(work, 0, [])
    assert [each.id for each in work.triggers] == ["a", "not-stored"]
    assert work.watched == WatchState(1.0, 9.0, 1.0, 4, work.triggers)


def test_other_services_that_a_restart_took_along_are_told(monkeypatch, tmp_path):
    """The API has the bot's own command, so that a restart of both is what was asked for."""
    target = small_target(tmp_path, RESTART_BOT="make both", RESTART_API="make both")
    began, run = dict.fromkeys(target.services, 100.0), SimpleNamespace(mode="deploy")
    for module in (session, started):
        monkeypatch.setattr(module, "starts", lambda service, *_, **__: [began[service.key]])
    work = StageWork(Stage("21_01a", "t", 1, service="bot"), target, run, None, None, end=print)
    work._process_start, work._others_start = 200.0, dict(work._left_alone())
    began.update(dict.fromkeys(began, 200.0))
    found = [(each.kind, each.subject) for each in work.restarted_unasked()]
    work._others_start = {"worker": 200.0}
    assert (found, work.restarted_unasked()) == ([("restarted too", "butler-worker")], [])
