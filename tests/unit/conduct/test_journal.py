"""The journal must be readable after any death of its writer."""

import os
from pathlib import Path

import pytest

from acceptance.conduct.journal import Journal
from acceptance.verdict import RecoveryNeeded

FLAG = {"kind": "flag", "service": "api"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "undo.journal"


@pytest.fixture
def journal(path):
    opened = Journal(path, "run-1")
    opened.open()
    return opened


def test_intent_is_pending_until_settled(journal):
    first, second = journal.intend("one", FLAG), journal.intend("two", FLAG)
    assert [entry.what for entry in journal.pending()] == ["two", "one"]  # the newest is undone first
    journal.settle(first, "undone")
    journal.settle(second, "kept")
    assert journal.pending() == []
    told = [("open", 0), ("intend", 1), ("intend", 2), ("settle", 1), ("settle", 2)]
    assert [(entry.op, entry.id) for entry in journal.entries()] == told


@pytest.fixture
def synced(monkeypatch):
    """What each sync put on disk, by path: a file's text, and nothing for a folder."""
    done, fsync = {}, os.fsync

    def noting(descriptor):
        fsync(descriptor)
        file = Path(f"/proc/self/fd/{descriptor}").readlink()
        done[file] = file.read_text() if file.is_file() else ""

    monkeypatch.setattr(os, "fsync", noting)
    return done


def test_intent_is_on_disk_when_it_is_noted(journal, path, synced):
    journal.intend("flag on", FLAG)
    assert "flag on" in synced.get(path, "")


def test_new_journal_is_on_disk_with_its_name(path, synced):
    Journal(path, "run-1").open()
    assert path.parent in synced


def test_next_run_refuses_while_something_is_pending(journal, path):
    journal.intend("flag on", FLAG)
    later = Journal(path, "run-2")
    later.adopt()
    later.intend("restart", {"kind": "restart"})
    with pytest.raises(RecoveryNeeded, match=r"run run-2 .*undoing 2 change.*last being «restart».*recover.py"):
        Journal(path, "run-3").open()
    with pytest.raises(RecoveryNeeded, match="«restart» is not undone"):
        later.close()


def test_journal_that_cannot_be_begun_forgets_no_flag_that_stays_on(journal, path, monkeypatch):
    journal.settle(0, "accepted", ["USE_IT"])
    journal.close()
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(OSError, match="disk is full"):
        Journal(path, "run-2").open()
    assert journal.left_enabled() == {"USE_IT"}


def test_open_journal_cannot_be_closed_over_a_pending_intent(journal):
    journal.intend("flag on", FLAG)
    with pytest.raises(RecoveryNeeded, match="flag on"):
        journal.close()


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_torn_last_line_is_an_intent_whose_mutation_never_began(journal, path, cut):
    whole = journal.intend("first", FLAG)
    journal.intend("torn", FLAG)
    path.write_bytes(path.read_bytes()[:-cut])
    assert [entry.id for entry in journal.pending()] == [whole]
    journal.settle(whole, "undone")  # written over the torn tail
    assert (journal.pending(), path.read_bytes()[-2:]) == ([], b"}\n")


def test_damage_in_the_middle_is_told_not_guessed(journal, path):
    journal.intend("first", FLAG)
    journal.intend("second", FLAG)
    path.write_bytes(path.read_bytes().replace(b"first", b"fIrst"))
    with pytest.raises(RecoveryNeeded, match="line 2: the checksum does not fit"):
        journal.pending()


def test_journal_is_the_same_on_any_host(journal, path, monkeypatch):
    """A container that is made anew has another host name."""
    journal.intend("flag on", FLAG)
    monkeypatch.setattr("socket.gethostname", lambda: "another-container")
    assert [entry.what for entry in Journal(path, "run-2").pending()] == ["flag on"]


def test_flags_that_stay_on_are_remembered_over_runs_until_one_changes_them(path):
    for run, flag in (("run-1", "A"), ("run-2", "B")):
        journal = Journal(path, run)
        journal.open()
        change = {"kind": "flag", "change": {"keys": [flag]}}
        journal.settle(journal.intend(f"{flag} on", change), "accepted", [flag])
        journal.close()
    assert journal.left_enabled() == {"A", "B"}
    journal.intend("A off", {"kind": "flag", "change": {"keys": ["A"]}})
    assert journal.left_enabled() == {"B"}


def test_journal_of_a_newer_version_is_refused(journal, path, monkeypatch):
    monkeypatch.setattr("acceptance.conduct.journal.VERSION", 3)
    assert journal.pending() == []
    monkeypatch.setattr("acceptance.conduct.journal.VERSION", 0)
    with pytest.raises(RecoveryNeeded, match=r"version 2.*reads up to 0"):
        journal.pending()


def test_adopted_journal_numbers_on(journal, path):
    journal.intend("flag on", FLAG)
    later = Journal(path, "run-2")
    assert [entry.run for entry in later.adopt()] == ["run-1"]
    assert later.intend("more", FLAG) == 2


def test_disk_that_takes_half_a_line_is_full_and_the_mutation_is_forbidden(journal, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[: len(line) // 2]))
    with pytest.raises(OSError, match="disk is full"):
        journal.intend("flag on", FLAG)
    monkeypatch.undo()
    assert journal.pending() == []
    journal.intend("flag on", FLAG)
    assert [entry.what for entry in journal.pending()] == ["flag on"]


def test_journal_is_closed_by_its_last_line_only(journal, path):
    assert not journal.is_closed()
    journal.close()
    assert journal.is_closed()
    assert Journal(path.with_name("none"), "run-2").is_closed()
