"""One run at a time for each target: with real processes, real kills, and another user."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import LockHeld, LockUnusable, Owner, TargetLock, holder_by, make_shared
from acceptance.probes.http.under_way import Requests
from acceptance.target.loading import journal_beside

SINCE = datetime(2025, 11, 15, 2, 5, tzinfo=UTC)
HOLD = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from acceptance.conduct.lock import Owner, TargetLock
owner = Owner("here", os.getpid(), "anna", "run-a", datetime(2025, 11, 15, 2, 5, tzinfo=UTC))
with TargetLock(Path(sys.argv[1]), owner, Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def owner(run_id="run-b"):
    return Owner("here", os.getpid(), "ben", run_id, SINCE)


@pytest.fixture
def lock(tmp_path):
    (tmp_path / ".env").touch()
    return TargetLock(tmp_path / "shared", owner(), tmp_path / ".env")


@contextmanager
def holding(lock):
    """Another process that holds the lock, by the time it is entered."""
    command = [sys.executable, "-c", HOLD, lock.file.parent, lock.file.parent]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_second_run_is_told_who_where_since_when_and_what_to_do(lock):
    with holding(lock) as process, pytest.raises(LockHeld) as refused:
        lock.acquire()
    who = f"run run-a of anna on here (process {process.pid}), since 2025-11-15 02:05:00 UTC"
    assert who in str(refused.value)
    assert f"kill -TERM {process.pid}" in str(refused.value)


def test_holder_that_is_stopped_is_told_as_that(lock, monkeypatch):
    monkeypatch.setattr("acceptance.conduct.lock.socket.gethostname", lambda: "here")
    with holding(lock) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        told = f"go on with kill -CONT {process.pid}, or end it on here with kill -TERM {process.pid}; kill -CONT"
        with pytest.raises(LockHeld, match=f"it is stopped: let it {told}"):
            lock.acquire()


def test_sigkill_releases_at_once(lock):
    """What the dead holder wrote is there still, but the kernel's word is enough."""
    with holding(lock) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        assert holder_by(lock.file).run_id == "run-a"
        with lock:
            assert holder_by(lock.file) == owner()


def test_leaving_releases_and_names_nobody(lock, tmp_path):
    with lock, pytest.raises(LockHeld, match="run-b"):
        TargetLock(lock.file.parent, owner("run-c"), tmp_path / ".env").acquire()
    assert holder_by(lock.file) is None
    lock.release()
    with lock:
        assert holder_by(lock.file) == owner()


def test_children_do_not_keep_the_lock(lock):
    """A command started by a run that dies must not hold the target for it."""
    with lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with lock:
            pass
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize(("replaced", "why"), [(False, "is gone"), (True, "was replaced")])
def test_a_lock_that_keeps_nobody_out_any_more_is_lost(lock, replaced, why):
    with lock:
        assert lock.lost() is None
        lock.file.unlink()
        if replaced:
            lock.file.touch()
        assert why in lock.lost()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "x"}', '{"host":1,"since":"yesterday"}'])
def test_what_a_dead_holder_wrote_does_not_stand_in_the_way(lock, text):
    lock.file.parent.mkdir()
    lock.file.write_text(text)
    with lock:
        assert holder_by(lock.file) == owner()
        os.truncate(lock.file, 0)
        with pytest.raises(LockHeld, match=r"by whom is not said; see it with: fuser .*target\.lock"):
            TargetLock(lock.file.parent, owner(), lock.file).acquire()


def test_one_env_file_has_one_lock_wherever_its_journals_are(tmp_path):
    """Two operators on two worktrees, and a target file in each; a link to the folder is no other lock."""
    env = tmp_path / ".env"
    env.touch()
    with TargetLock(tmp_path / "one", owner("run-a"), env), pytest.raises(LockHeld, match="run run-a"):
        TargetLock(tmp_path / "two", owner(), env).acquire()
    (tmp_path / "link").symlink_to(journal_beside(env))
    with TargetLock(tmp_path / "link", owner(), env):
        pass


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LockUnusable, match="correct JOURNAL_DIR"):
        TargetLock(tmp_path / "file", owner(), tmp_path / "file").acquire()


@pytest.mark.parametrize("there", [False, True])
def test_folder_and_files_are_for_the_env_files_group_whatever_the_umask(tmp_path, there):
    env_file = tmp_path / ".env"
    env_file.touch()
    if os.geteuid() == 0:
        os.chown(env_file, 12345, 23456)
    before = os.umask(0o077)
    folder, team = tmp_path / "shared", env_file.stat().st_gid
    if there:  # an administrator made it, and it passes no group on
        folder.mkdir()
    try:
        with TargetLock(folder, owner(), env_file), Requests(folder, "ab").noted("POST /x", 1):
            Journal(folder / "undo.journal", "run-a").open()
            found = {path.name[:4]: (path.stat().st_mode & 0o7777, path.stat().st_gid) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert found == dict.fromkeys(("targ", "undo", "requ"), (0o660, team))
    assert there or (folder.stat().st_mode & 0o7777, folder.stat().st_gid) == (0o2770, team)


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o755)
    make_shared(tmp_path, tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o755


def test_of_many_that_start_together_one_wins(lock):
    """Each waits for a line to start, and the winner holds on until all have tried."""
    script = (
        "import sys; from pathlib import Path; from acceptance.conduct.lock import *; sys.stdin.readline()\n"
        "lock = TargetLock(Path(sys.argv[1]), Owner.here('r'), Path(sys.argv[1]))\n"
        "try: lock.acquire(); print('won', flush=True); sys.stdin.readline()\n"
        "except LockHeld: print('refused', flush=True)"
    )
    command = [sys.executable, "-c", script, lock.file.parent]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
    for run in runs:
        run.stdin.write(b"go\n")
        run.stdin.flush()
    answers = [run.stdout.readline() for run in runs]
    for run in runs:
        run.communicate(timeout=10)
    assert sorted(answers) == [b"refused\n"] * 5 + [b"won\n"]
