"""The rollback drill on a real lab: proved, timed, and nothing left changed."""

import json
import signal
import time
from pathlib import Path

import pytest
from commands import run, start
from held_lab import SHORT, broken, retold

from acceptance.commands.rollback_drill import overdue
from acceptance.envfile.file import EnvFile
from acceptance.polling import poll
from acceptance.target.loading import load_target

DRILL = "rollback_drill.py --stage 21_01c"


def test_drill_is_proved_timed_and_documented(held_target: Path, tmp_path: Path) -> None:
    target = load_target(held_target)
    before = target.env_file.read_bytes()
    code, said = run(f"{DRILL} --environment lab --record-metrics --reports {tmp_path}", held_target)
    assert (code, "rolled back in" in said, "allowed 20 min" in said) == (0, True, True), said
    account = json.loads(next(tmp_path.glob("*/rollback_drill.json")).read_text())
    starts = [account["metrics"][moment]["process_start_time_seconds"] for moment in ("before", "flag_on", "after")]
    assert starts == sorted(set(starts)), "each step has a process of its own"
    assert 0 < account["rollback_s"] < account["allowed_s"] == 1200
    assert "serves a user on the old path (upload)" in account["account"]
    assert target.env_file.read_bytes() == before


def test_rollback_slower_than_allowed_fails() -> None:
    assert overdue(1201, 1200) != []
    assert overdue(None, 1200) != []
    assert overdue(1200, 1200) == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [("restart-does-nothing", "newer than"), ("rollback-breaks-uploads", "expected the old path to serve its users")],
)
def test_restore_that_fails_is_a_failed_rollback(fault: str, told: str, held_target: Path, tmp_path: Path) -> None:
    hasty = retold(held_target, "hasty", **SHORT | {"RESTART_TIMEOUT_SECONDS": "3"})
    with broken(held_target, fault):
        code, said = run(f"{DRILL} --environment lab --reports {tmp_path}", hasty)
    assert (code, "ROLLBACK FAILED: " in said, told in said) == (12, True, True), said
    code, said = run(f"{DRILL} --environment lab --reports {tmp_path}", held_target)
    assert code == 0, f"the next drill first undoes what the failed one left: {said}"


def test_service_that_ignores_the_flag_fails(held_target: Path, tmp_path: Path) -> None:
    hasty = retold(held_target, "hasty", **SHORT)
    with broken(held_target, "flag-ignored"):
        code, said = run(f"{DRILL} --environment lab --reports {tmp_path}", hasty)
    assert (code, said.startswith("FAIL"), "the flag has no effect" in said) == (1, True, True), said
    assert not EnvFile(load_target(held_target).env_file).flag("USE_NEW_STORAGE_ADAPTER")


def test_signals_end_a_drill_with_its_flag_off_and_the_truth_on_the_screen(held_target: Path, tmp_path: Path) -> None:
    env = EnvFile(load_target(held_target).env_file)
    process = start(f"{DRILL} --environment lab --reports {tmp_path}", held_target)
    assert poll(lambda: env.flag("USE_NEW_STORAGE_ADAPTER"), bool, 120), "the drill did not begin"
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(1.2)  # as a person presses again, while nothing seems to happen
    said = process.communicate(timeout=120)[0]
    assert (process.returncode, env.flag("USE_NEW_STORAGE_ADAPTER")) == (130, False), said
    for line in ("SIGTERM: the command ends now", "undo, 1 s: ", "that goes on; nothing more is needed"):
        assert line in said
    assert said.splitlines()[-1] == "INTERRUPTED: by SIGTERM; what it had changed is undone"


def test_production_must_be_spelled(held_target: Path) -> None:
    production = retold(held_target, "production", TARGET_KIND="production", SOAK_SECONDS="")
    code, said = run(f"{DRILL} --environment staging", production)
    assert (code, "TARGET_KIND=production" in said, "nothing was changed" in said) == (2, True, True), said


def test_production_outside_its_window_is_refused(held_target: Path, tmp_path: Path) -> None:
    production = retold(held_target, "production", TARGET_KIND="production", SOAK_SECONDS="")
    before = load_target(held_target).env_file.read_bytes()
    code, said = run(f"{DRILL} --environment production --reports {tmp_path}", production)
    assert load_target(held_target).env_file.read_bytes() == before
    assert (code, "window" in said) == (2, True), said


def test_unknown_stage_is_refused(held_target: Path) -> None:
    code, said = run("rollback_drill.py --stage 21_09 --environment lab", held_target)
    assert (code, "--stage 21_09" in said) == (2, True), said
