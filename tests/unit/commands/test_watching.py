"""A run in progress as a second terminal sees it."""

import io
import os
import time

import pytest
import record_samples as samples
from record_scripts import script
from rich.console import Console

from acceptance.commands.watching import newest, view
from acceptance.events import EventLog
from acceptance.kinds import CheckFinished, RunRefused
from acceptance.run_folder import hold
from acceptance.stages import board

STATUS = {
    "stage": "21_01c", "at": 0, "elapsed": 60.0, "total": 1200.0, "ends_at": 0, "fired": "",
    "watch": {"told": "", "blind": False, "age_s": 2.0, "evaluations": 4},
    "rows": [{"kind": "gate", "id": "errors", "value": "0", "threshold": "== 0", "state": "ok so far"}],
}  # fmt: skip


def shown(folder, now=None):
    console = Console(width=100, file=io.StringIO(), record=True)
    found, over = view(folder, now or time.time())
    console.print(found)
    return console.export_text(), over


def test_a_run_in_progress_shows_its_checks_its_soak_and_that_nothing_new_came(tmp_path):
    folder = samples.interrupted(tmp_path / "run")
    asks = CheckFinished(nodeid="ops_tests/stage_21_01c/test_deploy.py::test_a", verdict="SKIPPED", reason="AWAITING")
    asks.tell(EventLog(folder / "events.jsonl"))
    board.write(folder, STATUS)
    text, over = shown(folder)
    assert (over, "8 passed, 1 awaiting" in text) == (False, True), text
    assert "RUNNING  DEPLOYMENT on staging, CHG-2025-11-042" in text
    assert "data 2 s old, 4 evaluations" in text
    assert "nothing new" not in text
    assert "Run finished" not in text
    assert "nothing new for 60 s" in shown(folder, time.time() + 60)[0]
    (folder / board.STATUS).write_text("")
    assert "soak 21_01c" not in shown(folder)[0], "torn by a power loss"
    board.write(folder, STATUS | {"elapsed": 1200.0})
    assert "soak 21_01c" not in shown(folder)[0], "it is over, and another stage may be under way"


def test_a_run_that_is_over_says_outcome_and_next_step(tmp_path):
    text, over = shown(samples.go(tmp_path / "run"))
    assert (over, "GO  DEPLOYMENT" in text, "next: go on with the next stage" in text) == (True, True, True)


def test_a_run_that_was_refused_is_over(tmp_path):
    RunRefused(reason="refused: the lock").tell(EventLog(tmp_path / "events.jsonl"))
    assert shown(tmp_path)[1] is True


def test_a_run_whose_rollback_failed_says_so_with_its_commands(tmp_path):
    text, _ = shown(samples.rollback_failed(tmp_path / "run"))
    assert text.startswith("ROLLBACK FAILED  DEPLOYMENT")
    assert "see below\ncd ~/work/infra && make day-12-restart-api\ncurl" in text


def test_the_run_that_wrote_last_is_watched(tmp_path):
    first, last = samples.go(tmp_path / "a"), samples.no_go(tmp_path / "b")
    assert newest(tmp_path) == last
    held = hold(first)
    assert newest(tmp_path) == first, "a copy is written anew, and is no run"
    os.close(held)
    assert newest(tmp_path / "none") is None


@pytest.mark.parametrize(("folder", "code"), [("run", 0), ("empty", 2)])
def test_the_command_shows_a_run_once_and_changes_nothing(tmp_path, folder, code):
    samples.interrupted(tmp_path / "run")
    before = {each: each.read_bytes() for each in (tmp_path / "run").iterdir()}
    done = script("watch.py", str(tmp_path / folder), "--once")
    assert done.returncode == code, done.stderr
    assert {each: each.read_bytes() for each in (tmp_path / "run").iterdir()} == before


def test_log_that_was_changed_is_told_in_one_line(tmp_path):
    (samples.interrupted(tmp_path / "run") / "events.jsonl").write_text("{}\n")
    done = script("watch.py", tmp_path, "--once")
    assert (done.returncode, "name another run" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
