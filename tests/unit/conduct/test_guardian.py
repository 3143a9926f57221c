"""The watchdog ends well for the target, whoever dies: the controller, a worker, or itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Client, Listener, Pipe
from types import SimpleNamespace

import pytest
from dependencies.faulty import server
from small_target import FLAG, PREFIX, STAGE, small_target

from acceptance.commands.hold_target import holding
from acceptance.commands.rollback_drill import lease_renewed
from acceptance.conduct.client import RemoteConductor, end_this_process
from acceptance.conduct.connection import WatchdogGone, peer
from acceptance.conduct.journal import Journal
from acceptance.conduct.run import new_run
from acceptance.conduct.server import Watchdog
from acceptance.conduct.watchdog_start import start_watchdog
from acceptance.events import EventLog, read_events
from acceptance.polling import poll
from acceptance.process import is_stopped
from acceptance.verdict import DataLeft, Refused, RollbackFailed


class Conductor:
    """Notes what it is asked; a flip takes until ``go`` is set."""

    def __init__(self):
        self.done = []
        self.go = threading.Event()
        self.go.set()
        self.in_progress = threading.Event()
        self.failure = None

    def set_flag(self, stage, value):
        self.in_progress.set()
        assert self.go.wait(20)
        self.done.append(f"flag {value}")
        if self.failure:
            raise self.failure
        return value

    def accept(self, stage_id):
        self.done.append("accept")

    def rollback(self, stage_id, reason):
        self.done.append(f"rollback: {reason}")

    def end_stage(self, stage_id):
        self.done.append("end")

    def roll_back_all(self, reason):
        self.done.append("flags back")
        return []

    def finish(self, reason):
        self.done.append("finish")
        if self.failure:
            raise self.failure
        return ("21_01c",)


class Served:
    """A watchdog that serves in this process."""

    lease_s = 600.0

    def __init__(self, folder):
        self.conductor = Conductor()
        self.events = EventLog(folder / "events.jsonl")
        self.watchdog = Watchdog(self.conductor, self.events, lambda _: self.lease_s)
        self.socket = folder / "watchdog"
        self._listener = Listener(str(self.socket), family="AF_UNIX")
        threading.Thread(target=self.watchdog.serve, args=(self._listener,), daemon=True).start()
        self.links = []

    def link(self):
        before = len(self.watchdog._connections)
        self.links.append(RemoteConductor(self, on_loss=lambda: None))
        poll(lambda: len(self.watchdog._connections), lambda number: number > before, 5)
        return self.links[-1]

    def kinds(self):
        return [event.kind for event in read_events(self.events.path)] if self.events.path.exists() else []

    def close(self):
        self.conductor.go.set()
        for link in self.links:
            link.close()
        self._listener.close()


@pytest.fixture
def served(tmp_path):
    made = Served(tmp_path)
    yield made
    made.close()


#: Another signal comes whenever the main thread, in which handlers run, has a lock that a handler may take.
NESTED = """
import signal, threading
notify_all = threading.Condition.notify_all
def interrupted(self):
    if threading.get_ident() == threading.main_thread().ident and signal.getsignal(signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)
    notify_all(self)
threading.Condition.notify_all = interrupted
"""


def quietly(act, *args):
    with suppress(Exception):
        act(*args)


def test_goodbye_is_the_end_and_nothing_is_done_twice(served):
    lease = served.link()
    assert lease.finish("over") == ("21_01c",)
    lease.close()
    assert served.watchdog.over.wait(5)
    assert served.watchdog.leave() is True
    assert (served.conductor.done, served.kinds()) == (["finish"], [])


def test_lease_that_ends_without_goodbye_undoes_flags_then_all(served):
    served.link().close()
    assert served.watchdog.over.wait(5)
    assert served.watchdog.leave() is True
    assert served.conductor.done == ["flags back", "finish"]
    assert served.kinds() == ["interrupted"]


def test_change_in_progress_is_awaited_and_then_undone(served):
    lease = served.link()
    served.conductor.go.clear()
    threading.Thread(target=quietly, args=(lease.set_flag, STAGE, True), daemon=True).start()
    assert served.conductor.in_progress.wait(5)
    lease.close()
    served.watchdog.end()
    leaving = threading.Thread(target=served.watchdog.leave)
    leaving.start()
    leaving.join(0.3)
    assert (leaving.is_alive(), served.conductor.done) == (True, [])
    served.conductor.go.set()
    leaving.join(20)
    assert served.conductor.done == ["flag True", "flags back", "finish"]


def test_worker_that_outlives_the_controller_changes_nothing(served):
    lease, worker = served.link(), served.link()
    lease.close()
    assert served.watchdog.over.wait(5)
    for act in (lambda: worker.set_flag(STAGE, True), lambda: worker.accept("21_01c")):
        with pytest.raises(Refused, match="does not do"):
            act()
    assert served.conductor.done == []


def test_worker_that_dies_in_a_stage_has_it_rolled_back_at_once(served):
    lease, worker = served.link(), served.link()
    worker.set_flag(STAGE, True)
    worker.close()
    done = poll(lambda: list(served.conductor.done), lambda done: len(done) == 2, 5)
    assert done == ["flag True", "rollback: the process that made its checks ended in the middle of it"]
    assert not served.watchdog.over.is_set()
    lease.finish("over")


def test_process_that_has_closed_its_connections_is_not_ended(served, monkeypatch):
    """The end of the lease may be seen first: a process that goes on to other work was killed then."""
    killed = []
    monkeypatch.setattr("os.kill", lambda *told: killed.append(told))
    monkeypatch.setattr("os.getpid", lambda: -1)  # the watchdog is another process
    ours, theirs = Pipe()
    theirs.close()
    served.watchdog._connections.add(ours)
    served.watchdog._send_away()
    assert killed == []


def test_worker_is_sent_away_before_the_test_data_is_removed(served):
    lease = served.link()
    code = (
        "import sys, time; from multiprocessing.connection import Client; "
        f"link = Client({str(served.socket)!r}, family='AF_UNIX'); print('here', flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert worker.stdout.readline() == b"here\n"
    assert poll(lambda: worker.pid in map(peer, list(served.watchdog._connections)), bool, 30)
    finish = served.conductor.finish
    served.conductor.finish = lambda reason: served.conductor.done.append(worker.poll()) or finish(reason)
    lease.close()
    assert served.watchdog.over.wait(5)
    served.watchdog.leave()
    assert worker.wait(30) == -signal.SIGTERM
    assert served.conductor.done[0] == "flags back"
    assert "finish" in served.conductor.done


def test_sigterm_lets_the_run_say_goodbye_itself(served):
    lease = served.link()
    served.watchdog.end("the watchdog got SIGTERM")
    leaving = threading.Thread(target=served.watchdog.leave)
    leaving.start()
    poll(lambda: list(served.conductor.done), bool, 5)
    assert lease.finish("SIGTERM") == ("21_01c",)
    leaving.join(5)
    assert (leaving.is_alive(), served.conductor.done) == (False, ["flags back", "finish"])
    assert next(read_events(served.events.path)).data["signal"] == "the watchdog got SIGTERM"


def test_rollback_that_failed_at_the_goodbye_is_the_watchdogs_answer_too(served):
    served.conductor.failure = RollbackFailed("half-switched")
    lease = served.link()
    with pytest.raises(RollbackFailed, match="half-switched"):
        lease.finish("over")
    lease.close()
    assert served.watchdog.over.wait(5)
    assert served.watchdog.leave() is False


def test_error_that_does_not_travel_is_told_in_words(served):
    class Local(Exception):
        """Cannot be pickled: it is no module's."""

    served.conductor.failure = Local("no room")
    lease = served.link()
    with pytest.raises(RuntimeError, match="Local: no room"):
        lease.set_flag(STAGE, True)


def test_an_answer_belongs_to_its_call_whatever_interrupts_the_wait(served, monkeypatch):
    """A signal in the middle of a call: the next one does not read the answer of the one before."""
    link = served.link()
    served.conductor.go.clear()
    pressed = iter([KeyboardInterrupt, KeyboardInterrupt])

    def pressing(seconds):
        if error := next(pressed, None):
            raise error
        threading.Event().wait(seconds)

    monkeypatch.setattr("acceptance.conduct.client.time", SimpleNamespace(sleep=pressing, monotonic=time.monotonic))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            link.set_flag(STAGE, True)
    served.conductor.go.set()
    assert link.finish("SIGINT") == ("21_01c",)
    assert served.conductor.done == ["flag True", "flag True", "finish"]  # neither was cut short


def test_waiting_is_told_every_second(served):
    told = []
    link = RemoteConductor(served, on_loss=lambda: None, waiting=lambda *facts: told.append(facts))
    served.links.append(link)
    served.conductor.go.clear()
    threading.Timer(2.5, served.conductor.go.set).start()
    link.set_flag(STAGE, True)
    assert [(name, int(seconds)) for name, seconds in told] == [("set_flag", 1), ("set_flag", 2)]


def test_flag_without_a_renewal_is_rolled_back_at_its_deadline(served):
    """A run that was stopped, hangs, or sees nothing: the socket is open, and nobody looks."""
    served.lease_s = 0.5
    link = served.link()
    link.set_flag(STAGE, True)
    for _ in range(4):
        time.sleep(0.2)
        assert link.renew("21_01c") == ""
    assert served.conductor.done == ["flag True"]
    assert poll(lambda: link.renew("21_01c", fresh=False), bool, 5).startswith("no evaluation on fresh data for 0.5 s")
    assert len(served.conductor.done) == 2


def test_renewal_that_comes_too_late_renews_nothing(served):
    """Run and watchdog were frozen together, and the run goes on first."""
    served.lease_s = 0.2
    link = served.link()
    link.set_flag(STAGE, True)
    with served.watchdog._one_at_a_time:
        time.sleep(0.3)
        link.renew("21_01c")
    assert poll(lambda: link.renew("21_01c"), bool, 3).startswith("no evaluation on fresh data for 0.2 s")


def test_flag_that_a_command_attends_to_stays_on_for_so_long_and_no_longer(served, monkeypatch):
    """A drill waits for a worker that sleeps, longer than a lease; no watch renews it."""
    monkeypatch.setattr("acceptance.commands.rollback_drill._RENEWED_S", 0.1)
    served.lease_s = 0.5
    link = served.link()
    link.set_flag(STAGE, True)
    with lease_renewed(link, "21_01c", 1.2):
        time.sleep(1)
        assert served.conductor.done == ["flag True"]
        assert poll(lambda: len(served.conductor.done), lambda done: done == 2, 5) == 2


@pytest.mark.parametrize("end", ["end_stage", "rollback", "set_flag"])
def test_stage_that_is_over_has_no_deadline(served, end):
    served.lease_s = 0.3
    link = served.link()
    link.set_flag(STAGE, True)
    ends = {"end_stage": ("21_01c",), "rollback": ("21_01c", "seen"), "set_flag": (STAGE, False)}
    getattr(link, end)(*ends[end])
    before = list(served.conductor.done)
    time.sleep(0.8)
    assert served.conductor.done == before


def test_lease_that_talks_nonsense_ends_the_run(served):
    nonsense = Client(str(served.socket), family="AF_UNIX")
    nonsense.send_bytes(b"no pickle")
    assert served.watchdog.over.wait(5)


def test_loss_of_the_watchdog_is_noticed_and_a_goodbye_is_none(tmp_path):
    lost = []
    with Listener(str(tmp_path / "watchdog"), family="AF_UNIX") as listener:
        for close_first in (True, False):
            link = RemoteConductor(SimpleNamespace(socket=tmp_path / "watchdog"), on_loss=lambda: lost.append("lost"))
            other, _ = listener.accept(), listener.accept()
            if close_first:
                link.close()
            other.close()
            poll(lambda: list(lost), bool, 0.5 if close_first else 5)
            assert lost == ([] if close_first else ["lost"])
    with pytest.raises(WatchdogGone, match="is gone"):
        link.accept("21_01c")


def test_loss_ends_a_process_only_where_that_leads_to_a_goodbye(monkeypatch):
    killed = []
    monkeypatch.setattr("os.kill", lambda pid, number: killed.append(number))
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    end_this_process()
    assert killed == []
    monkeypatch.setattr(signal, "getsignal", lambda _: lambda *_: None)
    end_this_process()
    assert killed == [signal.SIGTERM]


def run_of(target, folder):
    return new_run(target, folder / "out", folder, mode="rehearse", operator="", ticket="", outside_window="")


@pytest.fixture
def started(tmp_path):
    """A watchdog in a process of its own, over a target that nobody serves."""
    target = small_target(tmp_path)
    run = run_of(target, tmp_path)
    process = start_watchdog(run, tmp_path)
    yield run, target, process
    process.kill()
    process.wait()


def journal_of(target, run="look"):
    return Journal(target.journal_file, run)


def test_controller_that_dies_before_it_connects_ends_the_watchdog(started):
    _, target, process = started
    process.stdin.close()
    assert process.wait(20) == 0
    assert journal_of(target).is_closed()


def test_log_and_page_of_a_run_without_goodbye_say_interrupted(started):
    run, _, process = started
    RemoteConductor(run, on_loss=lambda: None).close()
    assert process.wait(30) == 0
    assert [event.kind for event in read_events(run.events)] == ["interrupted"]
    assert "INTERRUPTED" in (run.folder / "record.html").read_text()


def test_killed_watchdog_is_undone_by_the_goodbye_of_its_run(started):
    run, target, process = started
    link = RemoteConductor(run, on_loss=lambda: None)
    process.kill()
    process.wait()
    assert not journal_of(target).is_closed()
    assert link.finish("SIGTERM") == ()
    assert journal_of(target).is_closed()


def test_watchdog_that_hangs_is_ended_and_undone_by_the_goodbye_of_its_run(started, monkeypatch):
    run, target, process = started
    monkeypatch.setattr("acceptance.conduct.client._BEAT_S", 0.2)
    monkeypatch.setattr("acceptance.conduct.client.FROZEN_S", 0.5)
    link = RemoteConductor(run, on_loss=lambda: None)
    process.send_signal(signal.SIGSTOP)
    assert poll(lambda: is_stopped(process.pid), bool, 10)  # until then a thread of it may still answer
    assert link.finish("SIGTERM") == ()
    assert (process.wait(5), journal_of(target).is_closed()) == (-signal.SIGKILL, True)


def test_watchdog_that_is_stopped_before_it_is_ready_does_not_hold_its_run_up(tmp_path, monkeypatch):
    popen, begun = subprocess.Popen, []

    def stopped(*args, **options):
        begun.append(popen(*args, **options))
        begun[0].send_signal(signal.SIGSTOP)
        return begun[0]

    monkeypatch.setattr("acceptance.conduct.watchdog_start.subprocess.Popen", stopped)
    monkeypatch.setattr("acceptance.conduct.watchdog_start._STEP_S", 0.05)
    monkeypatch.setattr("acceptance.conduct.watchdog_start.FROZEN_S", 0.2)
    try:
        with pytest.raises(Refused, match="the watchdog died"):
            start_watchdog(run_of(small_target(tmp_path), tmp_path), tmp_path)
    finally:
        begun[0].kill()


def test_killed_watchdog_whose_test_data_cannot_be_removed_is_told_as_that(started):
    run, target, process = started
    link = RemoteConductor(run, on_loss=lambda: None)
    link.expect_data(PREFIX)
    process.kill()
    process.wait()
    with pytest.raises(DataLeft, match=f"test data of {PREFIX}.*MongoDB did not answer"):
        link.finish("SIGTERM")
    assert [entry.undo["kind"] for entry in journal_of(target).pending()] == ["data"]


def test_signals_that_follow_each_other_end_the_watchdog(tmp_path, monkeypatch):
    """The end of a login session sends two at once: the second comes within the handler of the first."""
    (tmp_path / "sitecustomize.py").write_text(NESTED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    target = small_target(tmp_path)
    process = start_watchdog(run_of(target, tmp_path), tmp_path)
    process.send_signal(signal.SIGTERM)
    try:
        assert (process.wait(20), journal_of(target).is_closed()) == (0, True)
    finally:
        process.kill()


def test_signals_that_follow_each_other_hold_no_command_up():
    use = "from acceptance.commands import interruption\nwith interruption.interruptible():\n"
    use += "    interruption.report_signals_only()\n"
    command = [sys.executable, "-c", f"{NESTED}{use}    signal.raise_signal(signal.SIGTERM)"]
    assert subprocess.run(command, timeout=20, check=False).returncode == 0


def test_what_a_crashed_run_left_is_undone_before_the_next_begins(tmp_path):
    with server(lambda _: (200, "application/json", b"{}")) as url:
        target = small_target(tmp_path, API_URL=url, RESTART_API="touch restarted")
        target.journal_dir.mkdir()
        crashed = journal_of(target, "run-1")
        crashed.open()
        crashed.intend("restart api", {"kind": "restart", "service": "api"})
        target.env_file.write_text(f"{FLAG}=true\n")
        run = run_of(target, tmp_path)
        process = start_watchdog(run, tmp_path)
        assert (tmp_path / "restarted").exists()
        process.stdin.close()
        assert process.wait(20) == 0
    assert journal_of(target).is_closed()
    noted = [event.data["text"] for event in read_events(run.events) if event.kind == "note"]
    assert [f"{FLAG} in {target.env_file}: expected false: the journal knows" in each for each in noted] == [True]


def test_command_does_not_hold_a_target_that_may_not_be_changed(tmp_path):
    target = small_target(tmp_path, ALLOW_MUTATIONS="false")
    with pytest.raises(Refused, match="ALLOW_MUTATIONS=true"), holding(target):
        pass
    assert not target.journal_dir.exists()
