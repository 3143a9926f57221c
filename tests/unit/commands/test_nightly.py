"""A nightly run tells what changed, keeps what matters, and removes old rehearsals only."""

import configparser
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from record_scripts import script

from acceptance.commands.nightly import Night, absolute, expired, last_night, name_of, night_of, remember
from acceptance.record.history import Run
from acceptance.verdict import Outcome, Verdict

ROOT = Path(__file__).parents[3]
PAGE, EXAMPLES = ROOT / "docs" / "nightly.md", ROOT / "docs" / "examples" / "nightly"
GO = Night(0, "GO", "all good", "a")
AT = "2026-01-01T01:30:00+00:00"
RUN = Run("a", Outcome.GO, "all good", AT, 60, "staging", "rehearse", "c", "", "", {}, (), (), {}, True)


@pytest.mark.parametrize(
    ("before", "same"),
    [
        (GO, True),
        (replace(GO, folder="b"), True),
        (Night(1, "NO-GO"), False),
        (Night(10, "GO"), False),
        (replace(GO, bad="21_01c"), False),
        (None, False),
    ],
    ids=["same", "another record", "another outcome", "another exit code", "another stage is bad", "first night"],
)
def test_only_a_change_is_told(before, same):
    assert GO.same_as(before) is same


def test_post_says_what_it_was_and_where_to_read_on():
    post = Night(1, "NO-GO", "TRIGGER: errors", "b", "21_01c").post("staging", GO)
    told = "Nightly acceptance of staging: NO-GO in 21_01c, exit 1 (before: GO, exit 0): TRIGGER: errors"
    assert post == f"{told}\nRecord: b/record.html"


def test_run_that_left_no_record_is_told_as_that():
    assert "NO RECORD, exit 13" in night_of(13, [RUN], [RUN]).post("staging", None)


def test_new_record_is_found():
    stages = {"21_01a": Verdict.PASS, "21_01c": Verdict.FAIL, "21_01d": Verdict.NOT_RUN}
    new = replace(RUN, folder="b", outcome=Outcome.NO_GO, reason="r", stages=stages)
    assert night_of(1, [RUN], [RUN, new]) == Night(1, "NO-GO", "r", "b", "21_01c")


def test_state_survives_and_a_broken_one_counts_as_none(tmp_path):
    remember(tmp_path / "state", GO)
    assert last_night(tmp_path / "state") == GO
    (tmp_path / "state").write_text("{")
    assert last_night(tmp_path / "state") is None


@pytest.mark.parametrize(
    ("run", "goes"),
    [
        (replace(RUN, outcome=Outcome.NO_GO), True),
        (RUN, False),
        (replace(RUN, outcome=Outcome.NO_GO, mode="deploy"), False),
        (replace(RUN, outcome=Outcome.NO_GO, ticket="CHG-1"), False),
        (replace(RUN, outcome=Outcome.NO_GO, rollback_failed=True), False),
        (replace(RUN, outcome=Outcome.NO_GO, run_id="told"), False),
        (replace(RUN, outcome=Outcome.NO_GO, started_at="2026-01-20T01:30:00+00:00"), False),
    ],
    ids=["old rehearsal", "last GO", "deployment", "of a change", "failed rollback", "told of", "young"],
)
def test_old_rehearsals_go_and_nothing_else(run, goes):
    last = replace(RUN, folder="z", outcome=Outcome.NO_GO)
    assert expired([run, last], 30, datetime(2026, 2, 1, 12, tzinfo=UTC), {"told"}) == ([run] if goes else [])


@pytest.mark.parametrize("target", ["./mine.env", "mine.env"])
def test_target_file_is_found_from_the_current_folder(target, tmp_path, monkeypatch):
    (tmp_path / "mine.env").touch()
    (tmp_path / "staging").touch()
    monkeypatch.chdir(tmp_path)
    assert (absolute(target), absolute("staging")) == (f"{tmp_path}/mine.env", "staging")
    assert [*map(name_of, (target, "eu.west", "staging"))] == ["mine", "eu.west", "staging"]


def test_folder_that_cannot_be_used_is_a_refusal_and_no_verdict(tmp_path):
    (tmp_path / "reports").touch()
    done = script("nightly.py", "--reports", tmp_path / "reports")
    assert (done.returncode, "nothing was run" in done.stderr) == (13, True), done.stderr


def commands():
    """Every command line of the ready files and of the page, by its file."""
    cron = re.findall(r"^30 1 \* \* \* (.*)$", (EXAMPLES / "crontab").read_text(), re.MULTILINE)
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read([EXAMPLES / "butler-acceptance.service", EXAMPLES / "butler-acceptance.timer"])
    assert unit["Timer"]["OnCalendar"] == "*-*-* 01:30:00 UTC"
    service = [f"cd {unit['Service']['WorkingDirectory']} && {unit['Service']['ExecStart']}"]
    step = re.compile(r"^ +- (?:run: )?(make .*|.*nightly\.py .*)$", re.MULTILINE)
    github, gitlab = (step.findall((EXAMPLES / name).read_text()) for name in ("github-actions.yml", "gitlab-ci.yml"))
    docs = re.findall(r"^\$ (.*?)(?: {2,}#.*)?$", PAGE.read_text(), re.MULTILINE)
    found = {"cron": cron, "systemd": service, "github": github, "gitlab": gitlab, "docs": docs}
    assert {name: len(lines) for name, lines in found.items()} == {
        "cron": 1, "systemd": 1, "github": 2, "gitlab": 2, "docs": 2
    }  # fmt: skip
    return [(name, line) for name, lines in found.items() for line in lines]


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like a checkout that is set up."""
    for name in ("scripts", "Makefile", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "reports").mkdir()
    (tmp_path / "secrets.env").write_text('OPS_WEBHOOK_URL="http://127.0.0.1:1/x?a&b"\n')
    (tmp_path / ".venv" / "ready").touch()
    return tmp_path


@pytest.mark.parametrize(("file", "line"), commands())
def test_command_of_a_ready_file_keeps_the_exit_code(file, line, checkout):
    """With a target that is not there; cron reads the secrets by itself, and they reach the run."""
    line = line.replace("/opt/butler-acceptance", str(checkout)).replace("/etc/butler-acceptance.env", "./secrets.env")
    line = line.replace("--target staging", "--target nowhere --reports reports")
    env = os.environ | {"PATH": f"{checkout}/.venv/bin:{os.environ['PATH']}", "OPS_WEBHOOK_URL": ""}
    done = subprocess.run(["sh", "-c", line], cwd=checkout, capture_output=True, text=True, env=env, check=False)
    said = done.stdout + done.stderr + "".join(log.read_text() for log in checkout.glob("reports/nightly.log"))
    wanted = (0, False, False) if line.startswith("make") else (4, True, file == "cron")
    assert (done.returncode, "NO RECORD, exit 4" in said, "webhook at 127.0.0.1" in said) == wanted, said
    assert (checkout / "reports" / "index.html").exists() is (wanted[0] == 4), "also where the post was not taken"


ENDS_BY_ITSELF = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("undone", flush=True), sys.exit(2)))
print("on", flush=True)
time.sleep(60)
"""
NIGHT = "import sys; from acceptance.commands.nightly import run_to_its_end as r; exit(r(sys.argv[1:], '.'))"


def test_signal_that_ends_the_night_is_handed_on_and_the_run_ends_by_itself():
    """What stops a service kills the rest when its first process is gone."""
    argv = [sys.executable, "-c", NIGHT, sys.executable, "-c", ENDS_BY_ITSELF]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout.readline() == "on\n"
        process.terminate()
        assert (process.stdout.read(), process.wait(30)) == ("undone\n", 2)
