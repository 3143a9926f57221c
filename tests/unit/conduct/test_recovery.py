"""``scripts/ops/recover.py``: what is open is listed or undone, and what cannot be is told with its commands."""

import runpy
import sys
from pathlib import Path

import pytest
from small_target import BEFORE, FLAG, PREFIX, STAGE, Restarter, small_target

import acceptance.conduct.recovery
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import Owner, TargetLock
from acceptance.events import EventLog

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "ops" / "recover.py"


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path)


@pytest.fixture
def restarter(monkeypatch):
    made = Restarter()
    monkeypatch.setattr(acceptance.conduct.recovery, "Restarter", lambda *_: made)
    return made


@pytest.fixture
def crashed(target, restarter):
    """A run flipped its flag, and then its process was gone."""
    target.journal_dir.mkdir()
    journal = journal_of(target, "run-1")
    journal.open()
    conductor = Conductor(target, journal, EventLog(target.journal_dir / "events.jsonl"), restarter)
    conductor.set_flag(STAGE, True)
    return conductor


def journal_of(target, run="look"):
    return Journal(target.journal_dir / "here.journal", run)


@pytest.fixture
def recover(target, monkeypatch, capsys):
    def command(*args):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), f"--target={target.source}", *args])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        said = capsys.readouterr()
        return end.value.code, said.out + said.err

    return command


def test_nothing_open_is_good(recover):
    assert recover() == (0, "PASS: here: nothing was open\n")
    assert recover("--dry-run") == (0, "PASS: here: nothing is open\n")


def test_dry_run_lists_and_changes_nothing(recover, crashed, target, restarter):
    before = target.env_file.read_bytes(), journal_of(target).path.read_bytes()
    code, said = recover("--dry-run")
    assert (code, f"open: {FLAG} false -> true (run run-1" in said) == (1, True), said
    assert (target.env_file.read_bytes(), journal_of(target).path.read_bytes()) == before
    assert restarter.restarts == ["api"]


def test_open_flag_is_put_back_and_twice_is_harmless(recover, crashed, target, restarter):
    code, said = recover()
    assert (code, target.env_file.read_text(), restarter.restarts) == (0, BEFORE, ["api", "api"]), said
    assert f"{FLAG} false -> true (run run-1)" in said
    assert journal_of(target).is_closed()
    assert recover()[0] == 0
    assert restarter.restarts == ["api", "api"]


def test_what_cannot_be_undone_is_told_with_its_commands(recover, crashed, target, restarter):
    crashed.expect_data(PREFIX)
    restarter.failures = 99
    code, said = recover()
    assert code == 1
    for part in ("does not come back", "MongoDB did not answer", f">> {target.env_file}", "day-12-restart-api"):
        assert part in said
    assert len(journal_of(target).pending()) == 2


def test_target_in_use_is_left_alone(recover, crashed, target, monkeypatch):
    monkeypatch.setattr(acceptance.conduct.recovery, "_DYING_S", 0.1)
    with TargetLock(target.journal_dir, Owner.here("run-2")):
        code, said = recover()
    assert (code, "run-2" in said) == (2, True), said
    assert "=true" in target.env_file.read_text()


def test_journal_of_another_host_is_left_alone(recover, target, restarter):
    target.journal_dir.mkdir()
    other = Journal(target.journal_dir / "here.journal", "run-1", host="elsewhere")
    other.open()
    other.intend("flag on", {"kind": "flag"})
    code, said = recover()
    assert (code, "elsewhere" in said, restarter.restarts) == (1, True, []), said


def test_unknown_target_is_a_usage_error(recover):
    assert recover("--target=no-such-target")[0] == 2
