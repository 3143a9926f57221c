"""A nightly run tells what changed, keeps what matters, and removes old rehearsals only."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acceptance.commands.nightly import Night, expired, last_night, night_of, remember
from acceptance.record.history import Run
from acceptance.verdict import Outcome

SCRIPT = Path(__file__).parents[3] / "scripts" / "ops" / "nightly.py"
GO = Night(0, "GO", "all good", "a")
RUN = Run(
    "a",
    Outcome.GO,
    "all good",
    "2026-01-01T01:30:00+00:00",
    60,
    "staging",
    "rehearse",
    "c",
    "",
    "",
    {},
    (),
    (),
    {},
    True,
)


@pytest.mark.parametrize(
    ("before", "same"),
    [(GO, True), (replace(GO, folder="b"), True), (Night(1, "NO-GO"), False), (Night(10, "GO"), False), (None, False)],
    ids=["same", "another record", "another outcome", "another exit code", "first night"],
)
def test_only_a_change_is_told(before, same):
    assert GO.same_as(before) is same


def test_post_says_what_it_was_and_where_to_read_on():
    post = Night(1, "NO-GO", "TRIGGER: errors", "b").post("staging", GO)
    assert post == (
        "Nightly acceptance of staging: NO-GO, exit 1 (before: GO, exit 0): TRIGGER: errors\nRecord: b/record.html"
    )


def test_run_that_left_no_record_is_told_as_that():
    assert "NO RECORD, exit 13" in night_of(13, [RUN], [RUN]).post("staging", None)


def test_new_record_is_found():
    assert night_of(1, [RUN], [RUN, replace(RUN, folder="b", outcome=Outcome.NO_GO, reason="r")]) == Night(
        1, "NO-GO", "r", "b"
    )


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
        (replace(RUN, outcome=Outcome.NO_GO, started_at="2026-01-20T01:30:00+00:00"), False),
    ],
    ids=["old rehearsal", "last GO", "deployment", "young"],
)
def test_old_rehearsals_go_and_nothing_else(run, goes):
    assert expired([run], 30, datetime(2026, 2, 1, 12, tzinfo=UTC)) == ([run] if goes else [])


def test_command_keeps_the_exit_code_and_renders_the_index(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--reports", tmp_path, "--target", "no-such-target"], capture_output=True, text=True
    )
    assert done.returncode == 4, done.stderr
    assert "NO RECORD, exit 4" in done.stdout
    assert (tmp_path / "index.html").exists()
