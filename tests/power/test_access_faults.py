"""Each fault of logins and of secrets turns its own check red; those of logins in a lab that asks for one."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from held_lab import SHORT, lab_of_another_shape, retold

from acceptance.target.loading import load_target
from lab.access import ACCESS_FAULTS
from power.stage_run import StageRun, run_stage
from power.survey import assert_all_told, both_tests
from power.table import INCONCLUSIVE, Power

Shown = partial(Power, only=("security",), survey="secrets")
POWER = (
    Power(
        (),
        ("test_target_file_says_who_may_call",),
        "AUTHENTICATION of the target file",
        settings={"AUTHENTICATION": ""},
        only=("preflight",),
        k="who_may_call",
        code=INCONCLUSIVE,
        needs="services without a login",
    ),
    *(
        Shown((fault,), (f"test_no_secret_is_shown[{service}]",), "secret shown", besides=(where,))
        for fault, service, where in (
            ("secret-in-errors", "bot", "GET /no-such-page of"),
            ("secret-in-config", "worker", "GET /config of"),
            ("secret-in-log", "api", "log of"),
        )
    ),
)
LOGINS = {
    "login-not-asked": ("test_strangers_are_turned_away", "with no login: expected 401 or 403, found 20"),
    "task-of-another": ("test_task_is_told_to_its_student_alone", "with another student's login"),
}
RED = {f"21_01c::{check}" for check, _ in LOGINS.values()}


@pytest.fixture(scope="module")
def guarded_lab() -> Iterator[Path]:
    """A lab whose services ask for a login."""
    with lab_of_another_shape() as target:
        yield target


def asked(lab: Path, reports: Path, **settings: str) -> StageRun:
    return run_stage(retold(lab, "quick", **SHORT, **settings), reports, "-kstrangers or student_alone")


test_fault_turns_its_check_red, test_survey_tells_every_secret = both_tests(POWER, "held_target")


def test_strangers_who_are_let_in_turn_their_checks_red(guarded_lab: Path, tmp_path: Path) -> None:
    rows = [Power((fault,), (check,), told, only=("security",)) for fault, (check, told) in LOGINS.items()]
    assert_all_told(rows, guarded_lab, tmp_path)


def test_services_that_ask_for_a_login_are_good_and_without_another_login_nothing_is_said(
    guarded_lab: Path, tmp_path: Path
) -> None:
    assert asked(guarded_lab, tmp_path / "good").first_red == "nothing"
    ended = asked(guarded_lab, tmp_path / "alone", OTHER_LOGIN="")
    assert (ended.code, "OTHER_LOGIN" in ended.reason) == (10, True), ended.explain()


def test_open_services_are_as_bad_as_the_target_file_says(held_target: Path, tmp_path: Path) -> None:
    if lacks := POWER[0].lacks(load_target(held_target)):
        pytest.skip(f"not here: {lacks}")
    for said, code in (("none:low", 11), ("none:high", 1), ("", 10)):  # 11: a part of the stage
        ended = asked(held_target, tmp_path / f"as-{code}", AUTHENTICATION=said)
        assert ended.code == code, ended.explain()


def test_every_fault_of_access_is_tried() -> None:
    assert {name for power in POWER for name in power.faults} | set(LOGINS) == {fault.name for fault in ACCESS_FAULTS}
