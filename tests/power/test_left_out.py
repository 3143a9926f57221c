"""A stage as it is deployed, with checks left out of it: it is not accepted, and its flag is restored.

What each way does to a selection is asked of pytest by ``tests.completeness``, for every stage.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from held_lab import ROOT, SHORT, retold

from acceptance.planning.collection import collect
from power.stage_run import StageRun, left_over, run_stage

FOLDER = "ops_tests/stage_21_01b"
PREFLIGHT = f"{FOLDER}/test_preflight.py"
WAYS = {
    "not-importable": ("-ptests.power.broken.not_importable", "--continue-on-collection-errors"),
    "ignore": (f"--ignore={PREFLIGHT}",),
}
"""What the checks of that file answer, others answer as well; the other ways are tried in ``tests/plugin``."""


def one_for_each_line(stage: str) -> list[str]:
    """Choose checks of a stage that answer each of its lines once, and the one by which its flag may go on."""
    chosen, answered = list[str](), set[str]()
    for check in collect(ROOT).checks:
        nodeid, items = str(check["nodeid"]), set(check["items"])
        if f"/stage_{stage}/" in nodeid and (items - answered or nodeid.endswith("::test_new_path_is_at_work")):
            answered |= items
            chosen.append(nodeid)
    return chosen


def deployed(target: Path, reports: Path, stage: str, options: Sequence[str]) -> StageRun:
    quick = retold(target, "quick", **SHORT, ATTACKS="selection")
    return run_stage(quick, reports, "--mode=deploy", "--ticket=CHG-2026-11-042", *options, stage=stage)


def assert_not_accepted(ended: StageRun, target: Path) -> None:
    kinds = {event.kind for event in ended.events}
    assert (ended.code in (10, 11), ended.outcome, left_over(target)) == (True, "INCONCLUSIVE", []), ended.explain()
    assert {"flag.changed", "stage.accepted"} & kinds == {"flag.changed"}, ended.explain()
    assert "GO: everything was checked" not in ended.output


def test_one_check_for_each_line_is_no_stage(held_target: Path, tmp_path: Path) -> None:
    chosen = one_for_each_line("21_01c")
    ended = deployed(held_target, tmp_path, "21_01c", chosen)
    assert_not_accepted(ended, held_target)
    assert len(ended.judged) <= len(chosen) < 40, ended.explain()


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_stage_without_one_file_is_not_accepted(options: tuple[str, ...], held_target: Path, tmp_path: Path) -> None:
    ended = deployed(held_target, tmp_path, "21_01b", options)
    assert_not_accepted(ended, held_target)
    assert "test_stage_can_be_switched_and_watched" not in ended.judged
