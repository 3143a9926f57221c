"""One run at a time per target: with real processes, real kills, and a folder whose flock stays on one host."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acceptance.conduct.lock import LockHeld, LockUnusable, Owner, TargetLock

SINCE = datetime(2025, 11, 15, 2, 5, tzinfo=UTC)
HOLD = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from acceptance.conduct.lock import Owner, TargetLock
owner = Owner(sys.argv[2], os.getpid(), "anna", "run-a", datetime(2025, 11, 15, 2, 5, tzinfo=UTC))
with TargetLock(Path(sys.argv[1]), owner, lease_s=float(sys.argv[3])):
    print("held", flush=True)
    sys.stdin.read()
"""


def owner(host: str = "here", run_id: str = "run-b") -> Owner:
    return Owner(host, os.getpid(), "ben", run_id, SINCE)


@contextmanager
def holding(folder: Path, host: str = "here", lease_s: float = 60):
    """Another process that holds the lock, by the time it is entered."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, host, str(lease_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition, message: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.01)


def test_second_run_is_told_who_where_since_when_and_what_to_do(tmp_path):
    with holding(tmp_path) as process, pytest.raises(LockHeld) as refused:
        TargetLock(tmp_path, owner()).acquire()
    who = f"run run-a of anna on here (process {process.pid}), since 2025-11-15 02:05:00 UTC"
    assert who in str(refused.value)
    assert f"kill -TERM {process.pid}" in str(refused.value)


def test_sigkill_releases_at_once(tmp_path):
    """The dead holder's record is there and fresh, but on the same host the kernel's word is enough."""
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        lock = TargetLock(tmp_path, owner())
        assert lock.holder().run_id == "run-a"
        with lock:
            assert lock.holder() == owner()


def test_leaving_releases_and_removes_the_record(tmp_path):
    lock = TargetLock(tmp_path, owner())
    with lock:
        assert json.loads(lock.holder_file.read_text())["run_id"] == "run-b"
    assert [p.name for p in tmp_path.iterdir()] == ["target.lock"]
    lock.release()
    with lock, pytest.raises(LockHeld, match="run-b"):
        TargetLock(tmp_path, owner(run_id="run-c")).acquire()


def test_a_refused_run_leaves_the_holder_alone(tmp_path):
    with TargetLock(tmp_path, owner()) as lock:
        before = lock.holder_file.read_bytes()
        second = TargetLock(tmp_path, owner(run_id="run-c"))
        with pytest.raises(LockHeld):
            second.acquire()
        second.release()
        assert lock.holder_file.read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["target.holder.json", "target.lock"]


def test_children_do_not_keep_the_lock(tmp_path):
    """A command started by a run that dies must not hold the target for it."""
    with TargetLock(tmp_path, owner()):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with TargetLock(tmp_path, owner()):
            pass
    finally:
        child.communicate(b"\n")


def test_another_host_that_is_alive_holds_it_where_flock_stays_on_one_host(tmp_path):
    """Removing the lock file gives the second run another inode: as if its flock met nobody."""
    with holding(tmp_path, "host-a"):
        (tmp_path / "target.lock").unlink()
        with pytest.raises(LockHeld, match=r"anna on host-a .*if host-a is down, its hold runs out in (60|59) s"):
            TargetLock(tmp_path, owner("host-b")).acquire()


def test_another_host_that_died_holds_it_until_its_lease_ends(tmp_path):
    with holding(tmp_path, "host-a"):
        pass
    lock = TargetLock(tmp_path, owner("host-b"))
    with pytest.raises(LockHeld, match="host-a"):
        lock.acquire()
    stale = lock.holder_file.stat().st_mtime - 61
    os.utime(lock.holder_file, (stale, stale))
    with lock:
        assert lock.holder() == owner("host-b")


def test_a_holder_keeps_its_lease_fresh(tmp_path):
    with holding(tmp_path, "host-a", lease_s=0.06):
        record = tmp_path / "target.holder.json"
        os.utime(record, (1, 1))
        until(lambda: record.stat().st_mtime > 1, "the record was not touched again")


def test_a_holder_that_was_overtaken_notices(tmp_path):
    """A host asleep for longer than its lease wakes up to find another's record, and leaves it alone."""
    with TargetLock(tmp_path, owner("host-a"), lease_s=0.06) as lock:
        assert lock.lost() is None
        lock.holder_file.write_text(owner("host-b").to_json())
        until(lock.lost, "the loss was not noticed")
        assert "now names run run-b of ben on host-b" in lock.lost()
    assert lock.holder() == owner("host-b")


def test_a_third_host_that_was_quicker_keeps_the_lock(tmp_path, monkeypatch):
    """Two hosts see the same dead holder; the slower must not throw out the record of the quicker."""
    lock = TargetLock(tmp_path, owner("host-b"))
    lock.holder_file.write_text(owner("host-c").to_json())
    os.utime(lock.holder_file, (1, 1))
    monkeypatch.setattr(lock, "holder", lambda: owner("host-a"))  # what was there when it looked
    with pytest.raises(LockHeld, match="took it at this moment"):
        lock.acquire()
    assert Owner.from_json(lock.holder_file.read_text()) == owner("host-c")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["target.holder.json", "target.lock"]


@pytest.mark.parametrize("record", ["", "{", "[]", '{"host": "x"}', '{"host":1,"since":"yesterday"}'])
def test_a_damaged_record_of_a_dead_holder_does_not_stand_in_the_way(tmp_path, record):
    lock = TargetLock(tmp_path, owner())
    lock.holder_file.write_text(record)
    with lock:
        assert lock.holder() == owner()


def test_a_holder_without_a_record_is_still_a_holder(tmp_path):
    with TargetLock(tmp_path, owner()) as lock:
        lock.holder_file.unlink()
        with pytest.raises(LockHeld, match=r"by whom is not said; see it with: fuser .*target\.lock"):
            TargetLock(tmp_path, owner()).acquire()


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LockUnusable, match="correct JOURNAL_DIR"):
        TargetLock(tmp_path / "file", owner()).acquire()


def test_of_many_that_start_together_one_wins(tmp_path):
    """Each waits for the end of its input to start, and the winner holds on until all have tried."""
    script = (
        "import sys; from pathlib import Path; from acceptance.conduct.lock import *; sys.stdin.readline()\n"
        "lock = TargetLock(Path(sys.argv[1]), Owner.here('r'))\n"
        "try: lock.acquire(); print('won', flush=True); sys.stdin.readline()\n"
        "except LockHeld: print('refused', flush=True)"
    )
    command = [sys.executable, "-c", script, tmp_path]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
    for run in runs:
        run.stdin.write(b"go\n")
        run.stdin.flush()
    answers = [run.stdout.readline() for run in runs]
    for run in runs:
        run.communicate(timeout=10)
    assert sorted(answers) == [b"refused\n"] * 5 + [b"won\n"]


def test_owner_survives_json_and_describes_this_process():
    here = Owner.here("run-1")
    assert Owner.from_json(here.to_json()) == here
    assert here.pid == os.getpid()
