"""Faults that show only once the flag is off again: each is a failed rollback, by what a user of ours meets."""

from pathlib import Path

import pytest
from held_lab import SHORT, broken, retold

from acceptance.target.loading import load_target
from lab.faults import ROLLBACK_FAULTS
from power.stage_run import left_over, run_stage
from power.table import NEW_PATH, in_words_of, part_of

SIGN = f"expected no sign of {NEW_PATH}"
SERVES = "expected the old path to serve its users "
ROWS = (
    ("21_01c", ("way-back-ignored-butler-api",), "none in butler.review_archives, which the old path does not write"),
    ("21_01a", ("way-back-ignored-butler-bot",), SIGN),
    ("21_01b", ("way-back-ignored-butler-worker",), SIGN),
    ("21_01d", ("way-back-ignored-butler-worker",), SIGN),
    ("21_01c", ("rollback-breaks-uploads",), f"{SERVES}(upload), found 1 bad answer"),
    (
        "21_01c",
        ("rollback-loses-tasks", "rollback-loses-archives", "rollback-refuses-large", "rollback-opens-storage"),
        f"{SERVES}(upload), found ",
        " cannot be read",
        "3 missing archive",
        "1 bad answer",
        "1 folder",
    ),
    (
        "21_01a",
        ("rollback-counts-steps-anew", "rollback-forgets-conversations"),
        f"{SERVES}(message), found ",
        "3 steps counted anew",
        "3 forgotten",
    ),
    ("21_01a", ("rollback-loses-conversations",), f"{SERVES}(message), found "),
)


def test_every_fault_of_the_rollback_is_tried() -> None:
    assert {fault for _, faults, *_ in ROWS for fault in faults} == {fault.name for fault in ROLLBACK_FAULTS}


@pytest.mark.parametrize("row", ROWS, ids=[f"{stage}-{'+'.join(faults)}" for stage, faults, *_ in ROWS])
def test_rehearsal_whose_restore_fails_is_a_failed_rollback(
    row: tuple[str, tuple[str, ...], *tuple[str, ...]], held_target: Path, tmp_path: Path
) -> None:
    stage, faults, *rest = row
    told = [in_words_of(load_target(held_target), words, stage=stage) for words in rest]
    quick = retold(held_target, "quick", **SHORT)
    with broken(held_target, *faults):
        ended = run_stage(quick, tmp_path, *part_of(stage, "flag_on"), stage=stage)
    left = left_over(quick)
    paid = run_stage(quick, tmp_path / "next", *part_of(stage, "preflight"), stage=stage)
    assert (ended.code, dict(ended.red)) == (12, {}), ended.explain()
    assert [each.endswith("is not closed") for each in left] == [True], left  # the flag is off, the proof is owed
    failed = ended.of("rollback.finished")
    said = [all(words in each["account"] for words in told) and bool(each["by_hand"]) for each in failed]
    assert said == [True, True], ended.explain()
    assert "serves a user on the old path" in paid.of("recovery.undone")[0]["account"], paid.explain()
    assert left_over(quick) == []
