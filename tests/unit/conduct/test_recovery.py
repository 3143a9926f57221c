"""``scripts/ops/recover.py``: what is open is listed or undone, and what cannot be is told with its commands."""

import errno
import json
import os
import runpy
import shutil
import signal
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from interruption.accounts import closed_above
from small_target import BEFORE, FLAG, PREFIX, STAGE, Restarter, small_target

import acceptance.conduct.old_path_proof
import acceptance.conduct.recovery
import acceptance.conduct.testdata
import acceptance.conduct.unexpected
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import Owner, TargetLock, make_shared
from acceptance.conduct.recovery import leave_data
from acceptance.conduct.testdata import trace_prefix
from acceptance.events import EventLog
from acceptance.finding import Finding
from acceptance.observe.prometheus import Prometheus
from acceptance.probes import user_path
from acceptance.probes.http.under_way import Requests
from acceptance.target import by_hand
from acceptance.verdict import Inconclusive

TEAM = 65534
SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "ops" / "recover.py"
CAN_ACT = os.geteuid() == 0 and not closed_above(SCRIPT)


@pytest.fixture
def target(open_folder):
    return small_target(open_folder)


@pytest.fixture
def restarter(monkeypatch):
    made = Restarter()
    monkeypatch.setattr(acceptance.conduct.recovery, "Restarter", lambda *_: made)
    monkeypatch.setattr(acceptance.conduct.unexpected, "health_fault", lambda *_: "")
    return made


@pytest.fixture
def shared(target):
    """The env file is root's and the team's; its folder nobody else's."""
    os.chown(target.env_file, 0, TEAM)
    target.env_file.chmod(0o660)
    make_shared(target.journal_dir, target.env_file)


@pytest.fixture
def crashed(target, restarter):
    """A run flipped its flag, and then its process was gone."""
    target.journal_dir.mkdir(exist_ok=True)
    journal = journal_of(target, "run-1")
    journal.open()
    conductor = Conductor(target, journal, EventLog(target.journal_dir / "events.jsonl"), restarter)
    conductor.set_flag(STAGE, True)
    return conductor


def journal_of(target, run="look"):
    return Journal(target.journal_file, run)


@pytest.fixture
def recover(target, monkeypatch, capsys):
    def command(*args):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), f"--target={target.source}", *args])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        said = capsys.readouterr()
        return end.value.code, said.out + said.err

    return command


def test_nothing_open_is_good(recover, restarter):
    assert "PASS: here: nothing was open\n" in recover()[1]
    assert "PASS: here: nothing is open\n" in recover("--dry-run")[1]
    assert recover()[0] == recover("--dry-run")[0] == 0


def test_dry_run_lists_and_changes_nothing(recover, crashed, target, restarter):
    before = target.env_file.read_bytes(), journal_of(target).path.read_bytes()
    code, said = recover("--dry-run")
    assert (code, f"open: {FLAG} false -> true (run run-1" in said) == (1, True), said
    assert (target.env_file.read_bytes(), journal_of(target).path.read_bytes()) == before
    assert restarter.restarts == ["api"]


def test_open_flag_is_undone_and_twice_is_harmless(recover, crashed, target, restarter):
    code, said = recover()
    assert (code, target.env_file.read_text(), restarter.restarts) == (0, BEFORE, ["api", "api"]), said
    assert f"{FLAG} false -> true (run run-1)" in said
    assert journal_of(target).is_closed()
    assert recover()[0] == 0
    assert restarter.restarts == ["api", "api"]


def test_no_signal_cuts_a_recovery_short(recover, crashed, target, restarter, monkeypatch):
    """It takes a while, and somebody presses Ctrl-C, closes the terminal, or ends it."""
    restart = restarter.restart

    def pressed(*args, **options):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.raise_signal(number)
        return restart(*args, **options)

    monkeypatch.setattr(restarter, "restart", pressed)
    code, said = recover()
    assert (code, target.env_file.read_text(), restarter.restarts) == (0, BEFORE, ["api", "api"]), said


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
    with TargetLock(target.journal_dir, Owner.here("run-2"), target.env_file):
        code, said = recover()
    assert (code, "run-2" in said) == (2, True), said
    assert "=true" in target.env_file.read_text()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", f"{FLAG} in {{file}}: expected false"),
        (f"{FLAG}: true\n", f"{{file}}: line 4: {FLAG}: expected {FLAG}=false"),
    ],
    ids=["true", "a line that Compose takes"],
)
def test_flag_that_no_journal_knows_of_is_told_with_its_commands(recover, crashed, target, line, told):
    """Both processes were killed, and the journal's folder is gone."""
    shutil.rmtree(target.journal_dir)
    if line:
        target.env_file.write_text(BEFORE + line)
    for options in ([], ["--dry-run"]):
        code, said = recover(*options)
        assert (code, told.format(file=target.env_file) in said) == (1, True), said
        assert "day-12-restart-api" in said


def test_journal_that_cannot_be_read_hides_no_flag(recover, crashed, target):
    """Its own lines are no help; how the flags stand is said, and after it was moved away what to do."""
    path = target.journal_file
    path.write_bytes(path.read_bytes().replace(b"false -> true", b"false -> trve"))
    code, said = recover()
    assert (code, "line 2: the checksum does not fit" in said) == (1, True), said
    assert f"found now:\n  USE_NEW_DIALOG_CONTEXT_REPO is absent in {target.env_file}" in said
    assert f"{FLAG} is true in {target.env_file}" in said
    path.rename(path.with_suffix(".damaged"))
    code, said = recover()
    assert (code, "day-12-restart-api" in said) == (1, True), said


def test_flag_that_a_stage_left_enabled_is_as_expected(recover, crashed, target):
    journal = journal_of(target, "run-1")
    journal.settle(1, "accepted", [FLAG])
    journal.close()
    assert recover()[0] == 0
    target.env_file.write_text(BEFORE)  # somebody rolled it back by hand
    code, said = recover()
    assert (code, f"note: {FLAG}" in said) == (0, True), said


def test_crash_of_one_operator_is_undone_by_another(recover, crashed, target, monkeypatch, tmp_path):
    """Another home folder, another name for the target, another path to its env file: it is one target all the same."""
    link = tmp_path / "link.env"
    link.symlink_to(target.env_file)
    text = target.source.read_text().replace("TARGET_NAME=here", "TARGET_NAME=prod")
    target.source.write_text(text.replace(f"ENV_FILE={target.env_file}", f"ENV_FILE={link}"))
    monkeypatch.setenv("HOME", str(tmp_path / "ben"))
    code, said = recover()
    assert (code, target.env_file.read_text()) == (0, BEFORE), said


@pytest.mark.skipif(not CAN_ACT, reason="only root may act as another account, where that one may enter the folder")
@pytest.mark.parametrize(
    ("group", "journal", "code", "told"),
    [
        (TEAM, 0o660, 0, "undone"),
        (65533, 0o660, 2, "be in the env file's group, or use sudo"),
        (TEAM, 0o600, 1, "found Permission denied; what to undo is not known; do"),
    ],
    ids=["of the team", "a stranger", "a journal that is its owner's alone"],
)
def test_crash_of_one_account_is_undone_by_another_or_told(
    shared, crashed, recover, target, monkeypatch, group, journal, code, told
):
    """The env file is its owner's and the team's; who is not of the team is told how to go on."""
    target.journal_file.chmod(journal)
    monkeypatch.setattr(Prometheus, "names", lambda *_, **__: set())
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "still_exported", lambda *_, **__: set())
    found, said = as_another(group, recover)
    assert (found, target.env_file.read_text() == BEFORE, told in said) == (code, code == 0, True), said
    assert code == 0 or f"{FLAG} is {'true' if code == 1 else 'not known ('}" in said
    found = target.env_file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, TEAM, 0o660)


def as_another(group, act):
    """Act in a process of another user and this group."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(65533)
        try:
            os.write(writer, json.dumps(act()).encode())
        except BaseException:
            os.write(writer, json.dumps((None, traceback.format_exc())).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return json.loads(stream.read())


def test_service_on_the_new_path_with_its_flag_off_is_told(recover, target, monkeypatch):
    monkeypatch.setattr(
        Prometheus, "names", lambda _self, _job, prefix, **_: {f"{prefix}x"} if "storage" in prefix else set()
    )
    code, said = recover()
    assert (code, "butler-api: expected no sign of the new path" in said) == (1, True), said


def test_path_that_cannot_be_seen_hides_no_other(recover, monkeypatch):
    def names(_self, _job, prefix, *, used=False):
        if "dialog" in prefix:
            raise Inconclusive("no answer")
        return {f"{prefix}x"} if "storage" in prefix else set()

    monkeypatch.setattr(Prometheus, "names", names)
    code, said = recover()
    assert (code, "butler-api: expected no sign of the new path" in said) == (1, True), said


@pytest.mark.parametrize("lost", ["settle", "close"])
def test_full_disk_refuses_no_recovery(recover, crashed, target, monkeypatch, lost):
    """Neither who holds the lock can be written, nor what is undone: the flag goes off, and is told as off."""
    append, full = Journal._append, OSError(errno.ENOSPC, "No space left")
    monkeypatch.setattr(os, "pwrite", MagicMock(side_effect=full))
    here = {lost: MagicMock(side_effect=full)}
    monkeypatch.setattr(Journal, "_append", lambda self, op, *to, **what: here.get(op, append)(self, op, *to, **what))
    code, said = recover()
    assert (code, target.env_file.read_text()) == (10, BEFORE), said
    assert ("could not be noted" in said, "undone: USE_NEW" in said) == (True, True), said


def test_unknown_target_is_a_usage_error(recover):
    assert recover("--target=no-such-target")[0] == 2


def test_a_request_that_was_broken_off_is_named_until_it_was_looked_for_again(recover, target, restarter, monkeypatch):
    """Ctrl-C or a kill in the middle of a request: what it makes may come until its time-out is over, or later."""
    mongo = MagicMock(**{"client.list_database_names.return_value": []})
    mongo.__getitem__.return_value.configure_mock(**{"delete_many.return_value": 0, "count_documents.return_value": 0})
    monkeypatch.setattr(acceptance.conduct.testdata, "database", lambda _: nullcontext(mongo))
    leave_data(target, PREFIX)
    requests = Requests(target.journal_dir, trace_prefix(PREFIX))
    with suppress(KeyboardInterrupt), requests.noted("POST http://api/reviews", longest_s=2):
        raise KeyboardInterrupt
    code, said = recover()
    found = (code, "LEFT TO THE NEXT START: " in said, "POST http://api/reviews, begun" in said)
    assert found == (10, True, True), said
    assert f"flags and services are as expected; run this once more: {by_hand.recover(target.source)}\n" in said
    assert recover()[0] == 0


def test_archives_that_the_crashed_run_lost_are_told(recover, crashed, target, monkeypatch):
    """The flag is off again, and what was stored with it on is not there: no PASS."""
    lost = Finding("missing archive", "ops1/new.zip", "a file", "none")
    proof = acceptance.conduct.old_path_proof
    monkeypatch.setattr(proof, "Clients", lambda *_: MagicMock())
    monkeypatch.setattr(user_path, "wrong_archives", lambda _: {"ops1/new.zip": lost})
    monkeypatch.setattr(user_path, "findings", lambda *_: [])
    code, said = recover()
    assert (code, target.env_file.read_text()) == (1, BEFORE), said
    assert said.startswith("FAIL: 1 missing archive, 1 test data left\nFAIL: ops1/new.zip: expected a file, found none")
    assert f"undone: {FLAG} false -> true (run run-1)" in said
    assert "validate_archive_checksums.py" in said
