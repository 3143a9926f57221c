"""A deployment whose services log plain text: trouble in it is seen, or it is said that it cannot be seen."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from held_lab import SHORT, held_lab, retold

from power.stage_run import left_over, run_stage
from power.table import Power, assert_noticed

READY = "test_stage_can_be_switched_and_watched"


@pytest.fixture(scope="module")
def text_lab() -> Iterator[Path]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # while it starts, so that no other lab logs text
            patch.setenv("LAB_LOG_FORMAT", "text")
            target = stack.enter_context(held_lab(shape="checklist"))
        yield target


@pytest.mark.parametrize(
    ("stage", "settings", "code", "red"),
    [
        ("21_01a", {}, 0, "nothing"),
        ("21_01a", {"LOG_FORMAT": "json"}, 10, READY),
        ("21_01c", {}, 10, READY),
        ("21_01c", {"LOG_SHOWS": "requests", "ATTACKS": "selection"}, 0, "nothing"),
    ],
    ids=["healthy", "JSON declared", "no events", "no events declared"],
)
def test_text_log(text_lab: Path, tmp_path: Path, stage: str, settings: dict[str, str], code: int, red: str) -> None:
    ended = run_stage(retold(text_lab, "quick", **SHORT | settings), tmp_path, stage=stage)
    assert (ended.code, ended.first_red, left_over(text_lab)) == (code, red, []), ended.explain()


def test_errors_in_a_text_log(text_lab: Path, tmp_path: Path) -> None:
    red = "test_no_new_errors_in_the_log"
    row = Power(("errors-after-restart",), (red,), "", stage="21_01a", only=("soak",), k="new_errors")
    assert_noticed(row, text_lab, tmp_path)
