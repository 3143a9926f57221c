"""A rollback that fails, or that must go on although something else does: the disk, the lock, the journal."""

import errno
from dataclasses import replace
from unittest.mock import Mock

import pytest
from small_target import BEFORE, FLAG, PREFIX, STAGE, Restarter, small_target

import acceptance.conduct.old_path_proof
import acceptance.conduct.undo
import acceptance.envfile.file
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.manual_recovery import state_found
from acceptance.conduct.testdata import Purged
from acceptance.conduct.undo import recover
from acceptance.envfile.atomic import replace_bytes
from acceptance.events import EventLog, read_events
from acceptance.gates.measures import Trigger
from acceptance.record.stages import fold_flags
from acceptance.verdict import (
    DataLeft,
    Inconclusive,
    MutationFailed,
    NothingRestarted,
    RecoveryNeeded,
    Refused,
    RollbackFailed,
)

WORKER = replace(STAGE, id="21_01b", service="worker")
INCIDENT = replace(STAGE, triggers=(Trigger("leak", "", ("trigger.4",), "value", "errors", "> 0"),))
ADDING = replace(STAGE, id="21_00", service="all", flag="")
HOMEWORK = "USE_NEW_HOMEWORK_REVIEW_SERVICE"


class World:
    """A conductor and everything around it; each part can be made to fail."""

    def __init__(self, folder):
        self.target = small_target(folder)
        self.target.env_file.write_text(BEFORE + f"{HOMEWORK}=false\n")
        (folder / "journal").mkdir()
        self.journal = Journal(folder / "journal" / "undo.journal", "run-1")
        self.journal.open()
        self.events = EventLog(folder / "events.jsonl")
        self.restarter = Restarter()
        self.lost = None
        self.conductor = self.conduct("rehearse")

    def conduct(self, mode):
        events, lost = self.events, lambda: self.lost
        return Conductor(self.target, self.journal, events, self.restarter, mode, lost=lost)

    def flags_on(self):
        return [line for line in self.target.env_file.read_text().splitlines() if "=true" in line]

    def recover(self):
        return recover(self.target, Journal(self.journal.path, "run-2"), self.events, self.restarter)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def read_only(*_):
    raise OSError(errno.EROFS, "Read-only file system")


def test_full_event_log_does_not_keep_a_flag_on(world, monkeypatch, capsys):
    world.conductor.set_flag(STAGE, True)
    monkeypatch.setattr(world.events, "append", full)
    done = world.conductor.rollback("21_01c", "a check failed")
    assert (world.flags_on(), world.restarter.restarts) == ([], ["api", "api"])
    assert "not in the event log: rollback.started" in done.account
    assert "NOT RECORDED: rollback.started" in capsys.readouterr().err


def test_full_event_log_lets_a_rehearsal_end(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    monkeypatch.setattr(world.events, "append", full)
    world.conductor.end_stage("21_01c")
    world.conductor.finish("over")
    assert (world.flags_on(), world.journal.is_closed()) == ([], True)


def test_full_event_log_lets_the_next_start_recover(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    monkeypatch.setattr(world.events, "append", full)
    assert len(world.recover()) == 1
    assert world.flags_on() == []


def test_full_event_log_forbids_a_change(world, monkeypatch):
    monkeypatch.setattr(world.events, "append", full)
    with pytest.raises(OSError, match="No space"):
        world.conductor.set_flag(STAGE, True)
    assert (world.flags_on(), world.restarter.restarts) == ([], [])


def test_unwritable_env_file_says_what_is_on_and_how_to_finish(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    for write in ("replace_bytes", "overwrite_bytes"):
        monkeypatch.setattr(acceptance.envfile.file, write, read_only)
    with pytest.raises(RollbackFailed) as failure:
        world.conductor.finish("SIGTERM")
    message = str(failure.value)
    for part in (
        "Read-only file system",
        f"{FLAG} is true",
        f"{HOMEWORK} is false",
        "/health does not answer 200",
        f"\\n{FLAG}=false\\n' >> {world.target.env_file}",
        f"cd {world.target.infra_dir} && make day-12-restart-api",
    ):
        assert part in message
    told = [event.data for event in read_events(world.events.path) if event.kind == "rollback.finished"][-1]
    assert (told["ok"], len(told["by_hand"])) == (False, 4)
    assert f"{FLAG} is true in {world.target.env_file}" in told["state"]
    assert not world.journal.is_closed()


def test_env_file_that_is_writable_again_in_time_is_undone(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    write, failures = replace_bytes, [1, 2]
    monkeypatch.setattr(acceptance.envfile.file, "overwrite_bytes", read_only)

    def once_more(*args):
        return read_only() if failures and failures.pop() else write(*args)

    monkeypatch.setattr(acceptance.envfile.file, "replace_bytes", once_more)
    world.conductor.rollback("21_01c", "a check failed")
    assert world.flags_on() == []


@pytest.mark.parametrize("undo", ["rollback", "end_stage"])
def test_flag_that_somebody_else_switches_on_after_the_undo_is_no_flag_that_is_off(world, undo):
    """As a program that writes the whole file anew, from where the flag is true."""
    world.conductor.set_flag(STAGE, True)
    world.conductor.rollback("21_01c", "seen") if undo == "rollback" else world.conductor.end_stage("21_01c")
    world.target.env_file.write_text(BEFORE.replace(f"{FLAG}=false", f"{FLAG}=true"))
    with pytest.raises(RollbackFailed, match=f"{FLAG} was undone and is true again(.|\n)*\n  cd .*day-12-restart-api"):
        world.conductor.finish("over")
    changes = [event.data["after"] for event in read_events(world.events.path) if event.kind == "flag.changed"]
    assert changes == ["true", "true"]  # so that the panel says how it stands


def test_flag_that_somebody_else_switches_off_once_it_is_left_enabled_is_told_as_off(world):
    conductor = world.conduct("deploy")
    conductor.set_flag(STAGE, True)
    conductor.accept("21_01c")
    assert conductor.end_stage("21_01c") is True
    world.target.env_file.write_text(BEFORE)
    conductor.finish("over")
    log = list(read_events(world.events.path))
    assert fold_flags(log) == {FLAG: "false"}  # which revokes the GO: see `acceptance.record.build`


def test_stage_that_cannot_be_rolled_back_does_not_keep_the_others_on(world):
    world.conductor.set_flag(STAGE, True)
    world.conductor.set_flag(WORKER, True)
    world.restarter.failures = 3  # the worker is the first to be rolled back, and does not start
    with pytest.raises(RollbackFailed, match="stage 21_01b is half-switched"):
        world.conductor.finish("over")
    assert world.flags_on() == []
    assert [entry.what for entry in world.journal.pending()] == [f"{HOMEWORK} false -> true"]


def test_failed_rollback_is_tried_again_at_the_end_of_the_run(world):
    world.conductor.set_flag(STAGE, True)
    world.restarter.failures = 3
    with pytest.raises(RollbackFailed):
        world.conductor.rollback("21_01c", "a check failed")
    world.conductor.end_stage("21_01c")
    assert world.restarter.restarts == ["api"] * 4  # leaving the stage does not wait for the same once more
    world.conductor.finish("over")
    assert world.journal.is_closed()


def test_service_that_stays_on_the_new_path_is_left_to_a_person_and_to_the_next_start(world, monkeypatch):
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "still_exported", lambda *_, **__: {"review_archive_x"})
    world.conductor.set_flag(STAGE, True)
    with pytest.raises(RollbackFailed, match="still takes the new path"):
        world.conductor.finish("a check failed")
    with pytest.raises(RecoveryNeeded, match="still takes the new path"):
        world.recover()
    told = [event.data for event in read_events(world.events.path) if event.kind == "rollback.finished"]
    assert {(each["ok"], len(each["by_hand"])) for each in told} == {(False, 4)}
    assert (world.flags_on(), len(world.journal.pending())) == ([], 1)
    monkeypatch.undo()
    assert len(world.recover()) == 1


def test_no_thread_that_cannot_be_begun_keeps_a_flag_on(world, monkeypatch):
    """A container's limit of processes; what a rollback looks at besides is not worth a flag."""
    world.conductor.set_flag(STAGE, True)
    monkeypatch.setattr("threading.Thread.start", Mock(side_effect=RuntimeError("can't start new thread")))
    world.conductor.rollback("21_01c", "a check failed")
    assert (world.flags_on(), world.restarter.restarts) == ([], ["api", "api"])


def test_lost_lock_forbids_every_change(world):
    world.lost = "the holder file names another run"
    acts = {"set_flag": (STAGE, True), "restart": (STAGE, "api"), "expect_data": (PREFIX,)}
    for act, given in acts.items():
        with pytest.raises(Refused, match=r"lock is lost.*another run"):
            getattr(world.conductor, act)(*given)
    assert (world.flags_on(), world.restarter.restarts, world.journal.pending()) == ([], [], [])


def test_lock_lost_within_a_stage_forbids_the_flip_and_not_the_undo(world):
    world.conductor.set_flag(STAGE, False)
    world.conductor.set_flag(WORKER, True)
    world.lost = "the holder file names another run"
    with pytest.raises(Refused, match="lock is lost"):
        world.conductor.set_flag(STAGE, True)
    world.conductor.finish("over")
    assert (world.flags_on(), world.journal.is_closed()) == ([], True)


def test_journal_that_fills_during_the_undo_is_told_and_left_to_the_next_start(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    with monkeypatch.context() as disk:
        disk.setattr(world.journal, "_append", full)
        with pytest.raises(DataLeft, match="flags and services are in order, but that could not be noted"):
            world.conductor.finish("over")
    assert (world.flags_on(), world.journal.is_closed()) == ([], False)
    with monkeypatch.context() as disk:
        disk.setattr(Journal, "_append", full)  # still full: what is undone is not told as if it were not
        with pytest.raises(DataLeft, match=r"is undone, but that could not be noted: .*No space"):
            world.recover()
    assert len(world.recover()) == 1


def test_acceptance_that_cannot_be_journalled_is_no_acceptance(world, monkeypatch):
    conductor = world.conduct("deploy")
    conductor.set_flag(STAGE, True)
    conductor.accept("21_01c")
    monkeypatch.setattr(world.journal, "settle", full)
    assert conductor.end_stage("21_01c") is False
    assert world.flags_on() == []  # else the next start would roll it back, under a service in use


def test_restart_that_failed_is_repeated_at_the_end(world):
    world.restarter.failures = 1
    with pytest.raises(MutationFailed):
        world.conductor.restart(STAGE, "api")
    world.conductor.finish("over")
    assert (world.restarter.restarts, world.journal.is_closed()) == (["api", "api"], True)


def test_restart_that_never_succeeds_is_told_with_its_command(world):
    world.restarter.failures = 99
    with pytest.raises(MutationFailed):
        world.conductor.restart(STAGE, "api")
    with pytest.raises(RollbackFailed, match=r"api did not come back.*\n  cd .* && make day-12-restart-api"):
        world.conductor.finish("over")


def test_restart_that_restarts_nothing_leaves_nothing_open(world):
    """No flag was changed, and the service runs as before: there is nothing to finish by hand."""
    world.restarter.failures, world.restarter.failure = 99, NothingRestarted
    with pytest.raises(MutationFailed):
        world.conductor.restart(STAGE, "api")
    world.conductor.finish("over")
    assert world.journal.is_closed()


def test_flag_change_is_not_undone_by_a_restart_that_restarts_nothing(world):
    world.conductor.set_flag(STAGE, True)
    world.restarter.failures, world.restarter.failure = 99, NothingRestarted
    with pytest.raises(RollbackFailed, match="half-switched"):
        world.conductor.finish("over")


def test_database_out_of_reach_leaves_the_data_open_and_no_flag(world):
    world.conductor.expect_data(PREFIX)
    world.conductor.set_flag(STAGE, True)
    with pytest.raises(DataLeft, match=f"test data of {PREFIX} is not removed.*MongoDB did not answer"):
        world.conductor.finish("SIGTERM")
    assert world.flags_on() == []
    assert [entry.undo["kind"] for entry in world.journal.pending()] == ["data"]
    with pytest.raises(DataLeft):
        world.recover()
    following = Journal(world.journal.path, "run-3")
    following.open()  # it is no reason not to begin, and it is not forgotten
    assert [entry.undo for entry in following.pending()] == [{"kind": "data", "prefix": PREFIX}]


@pytest.mark.parametrize("accepted", [True, False])
def test_what_attacks_wrote_after_acceptance_fires_a_trigger_at_the_end(world, monkeypatch, accepted):
    late = world.target.storage.root.parent / f"{PREFIX}-c0007"
    monkeypatch.setattr("acceptance.conduct.cleanup.purge", lambda *_: Purged(0, 1, (late,)))
    conductor = world.conduct("deploy")
    conductor.expect_data(PREFIX)
    conductor.set_flag(INCIDENT, True)
    if accepted:
        conductor.accept(INCIDENT.id)
        conductor.end_stage(INCIDENT.id)
    conductor.finish("over")
    fired = [event.data for event in read_events(world.events.path) if event.kind == "trigger.fired"]
    assert [(each["items"], str(late) in each["reason"]) for each in fired] == [(["trigger.4"], True)][:accepted]
    assert [f"{FLAG}=false" in each["reason"] for each in fired] == [True][:accepted]


def test_recovery_puts_flags_back_before_and_although_the_data_cannot_be_removed(world, monkeypatch):
    world.conductor.set_flag(STAGE, True)
    world.conductor.expect_data(PREFIX)  # the newest entry, and the one that fails
    on_at_purge = []

    def purge(*_):
        on_at_purge.append(world.flags_on())
        raise Inconclusive("MongoDB did not answer")

    monkeypatch.setattr(acceptance.conduct.undo, "purge", purge)
    with pytest.raises(RecoveryNeeded, match="MongoDB did not answer"):
        world.recover()
    assert (on_at_purge, world.flags_on()) == ([[]], [])


@pytest.mark.parametrize(("stage", "flags", "services"), [(STAGE, 1, 1), (ADDING, 4, 3), (None, 4, 3)])
def test_state_is_a_stages_own_or_that_of_all_by_one_reading_of_the_file(world, stage, flags, services, monkeypatch):
    read = Mock(side_effect=[{FLAG: "true"}])
    monkeypatch.setattr("acceptance.envfile.file.EnvFile.read", read)
    found, values = state_found(world.target, stage)
    assert (sum(" in /" in line for line in found), sum("/health" in line for line in found)) == (flags, services)
    assert (values, f"{FLAG} is true in {world.target.env_file}" in found) == ({FLAG: "true"}, True)
