"""Faults that show only once the flag is off again: each is a failed rollback, by what a user of ours meets."""

from pathlib import Path

import pytest
from held_lab import SHORT, broken, retold

from lab.faults import ROLLBACK_FAULTS
from power.stage_run import left_over, run_stage
from power.table import part_of

NEW_PATH = "expected no sign of metrics "
SERVES = "expected the old path to serve its users "
ROWS = (
    ("way-back-ignored-butler-api", "21_01c", "none in butler.review_archives, which the old path does not write"),
    ("way-back-ignored-butler-bot", "21_01a", f"{NEW_PATH}dialog_context_repository_"),
    ("way-back-ignored-butler-worker", "21_01b", f"{NEW_PATH}homework_review_service_"),
    ("way-back-ignored-butler-worker", "21_01d", f"{NEW_PATH}review_submission_"),
    ("rollback-breaks-uploads", "21_01c", f"{SERVES}(upload), found 1 bad answer"),
    ("rollback-loses-tasks", "21_01c", f"{SERVES}(upload), found "),
    ("rollback-loses-archives", "21_01c", f"{SERVES}(upload), found 3 missing archive"),
    ("rollback-refuses-large", "21_01c", f"{SERVES}(upload), found 1 bad answer"),
    ("rollback-opens-storage", "21_01c", f"{SERVES}(upload), found 1 folder"),
    ("rollback-counts-steps-anew", "21_01a", f"{SERVES}(message), found 3 steps counted anew"),
    ("rollback-forgets-conversations", "21_01a", f"{SERVES}(message), found 3 forgotten"),
    ("rollback-loses-conversations", "21_01a", f"{SERVES}(message), found "),
)


def test_every_fault_of_the_rollback_is_tried() -> None:
    assert {fault for fault, *_ in ROWS} == {fault.name for fault in ROLLBACK_FAULTS}


@pytest.mark.parametrize(("fault", "stage", "told"), ROWS, ids=[f"{fault}-{stage}" for fault, stage, _ in ROWS])
def test_rehearsal_whose_restore_fails_is_a_failed_rollback(
    fault: str, stage: str, told: str, held_target: Path, tmp_path: Path
) -> None:
    quick = retold(held_target, "quick", **SHORT)
    with broken(held_target, fault):
        ended = run_stage(quick, tmp_path, *part_of(stage, "flag_on"), stage=stage)
    left = left_over(quick)
    paid = run_stage(quick, tmp_path / "next", *part_of(stage, "preflight"), stage=stage)
    assert (ended.code, dict(ended.red)) == (12, {}), ended.explain()
    assert [each.endswith("is not closed") for each in left] == [True], left  # the flag is off, the proof is owed
    failed = ended.of("rollback.finished")
    assert [told in each["account"] and bool(each["by_hand"]) for each in failed] == [True, True], ended.explain()
    assert "serves a user on the old path" in paid.of("recovery.undone")[0]["account"], paid.explain()
    assert left_over(quick) == []
