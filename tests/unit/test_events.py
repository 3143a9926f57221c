"""The event log: whoever writes it, it is whole, in order, and tells of any change."""

import fcntl
import multiprocessing
import os
import resource
import subprocess

import pytest

from acceptance.events import EventLog, TamperedLog, read_events
from acceptance.redact import Redactor


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "events.jsonl", Redactor(["s3cret-canary"]))


def write(log, count):
    for number in range(count):
        log.append("check.finished", number=number)


def test_several_processes_make_one_chain(log):
    writers = [multiprocessing.Process(target=write, args=(log, 40)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [event.seq for event in read_events(log.path)] == list(range(160))


def test_a_writer_that_was_stopped_in_the_middle_holds_nobody_up(log, monkeypatch):
    monkeypatch.setattr("acceptance.events._PATIENCE_S", 0.1)
    write(log, 1)
    with log.path.open() as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            write(log, 1)


def test_a_hostile_file_name_does_not_keep_the_record_from_being_written(log):
    """A name need not be text: one with a lone surrogate can be put into no page."""
    log.append("note", text="wrote /x/\udcc0\udcaf")
    (event,) = read_events(log.path)
    assert event.data["text"].encode() == b"wrote /x/??"


def test_secrets_do_not_enter(log):
    log.append("note", text="the password is s3cret-canary", deep=[{"url": "mongodb://u:s3cret-canary@h/"}])
    assert b"s3cret-canary" not in log.path.read_bytes()


def test_torn_last_line_is_written_over(log):
    write(log, 2)
    with log.path.open("ab") as stream:
        stream.write(b'{"seq": 2, "torn')
    assert [event.seq for event in read_events(log.path)] == [0, 1]
    log.append("note", text="after the crash")
    assert [event.kind for event in read_events(log.path)][-1] == "note"


@pytest.mark.parametrize("line", [0, 1, 2])
def test_changed_line_is_found(log, line):
    write(log, 3)
    lines = log.path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"number": ', b'"number": 9')
    log.path.write_bytes(b"".join(lines))
    with pytest.raises(TamperedLog, match=f"line {line + 1}"):
        list(read_events(log.path))


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root to be mounted")
def test_disk_that_takes_half_a_line_is_told(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(tmp_path)], check=True)
    try:
        log = EventLog(tmp_path / "events.jsonl")
        with pytest.raises(OSError, match=r"space|part of the event"):
            write(log, 200)
        assert list(read_events(log.path))  # what was told before is whole
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_event_of_which_a_part_is_written_is_told(log):
    """A disk takes what still fits: here a file may grow by 20 bytes."""
    write(log, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="only a part of the event"):
            write(log, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(list(read_events(log.path))) == 1


def test_removed_line_is_found(log):
    write(log, 3)
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join([lines[0], lines[2]]))
    with pytest.raises(TamperedLog, match="line 2"):
        list(read_events(log.path))
