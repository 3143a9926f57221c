"""Each seeded fault of stage 21_01a turns its own check red, and the flag is put back."""

from functools import partial
from pathlib import Path

import pytest

from lab.bot.faults import DIALOG_FAULTS
from power.table import Power, assert_noticed

Off = partial(Power, stage="21_01a", only=("flag_off",))
On = partial(Power, stage="21_01a", only=("flag_on",))
Soak = partial(Power, stage="21_01a", only=("soak",))

POWER = (
    Off(("dialog-error-reply",), ("test_butler_answers",), "found an error text"),
    Off(("dialog-ignores-history",), ("test_history_is_used",), "said before"),
    Off(
        ("flags-stuck-on",),
        ("test_repository_metrics_are_absent",),
        "dialog_context_repository_",
        restarts=True,
    ),
    On(("dialog-loses-history",), ("test_context_is_stored",), "after what was said before it"),
    On(("dialog-not-stored",), ("test_context_is_stored",), "expected a document in dialog_contexts, found none"),
    On(("dialog-new-session-each-turn",), ("test_session_stays_the_same",), "expected session"),
    On(("dialog-steps-not-counted",), ("test_step_count_grows",), "[1, 1, 1]"),
    On(("dialog-ignores-history",), ("test_history_is_used",), "said before"),
    Power(
        ("dialog-old-sessions-lost",),
        ("test_conversation_of_the_old_code_goes_on",),
        "after what was said before it",
        stage="21_01a",
        only=("flag_off", "flag_on"),
    ),
    On(("dialog-mixes-users",), ("test_many_sessions_at_once",), "was told another user's word"),
    On(("dialog-flag-ignored",), ("test_contexts_are_saved_via_the_repository",), "saves by the repository, found 0"),
    Soak(("dialog-error-reply",), ("trigger bad-answers",), "found an error text"),
    Soak(("dialog-slow",), ("trigger repository-latency",), "fires at > 0.2", settings={"SOAK_SECONDS": "12"}),
    Soak(("dialog-errors",), ("trigger repository-failures", "trigger failed-messages"), "fires at > 0.05"),
    Soak(("dialog-warns",), ("test_no_new_errors_in_the_log",), "repository_deprecated"),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    mine = {fault.name for fault in DIALOG_FAULTS if fault.stage == "21_01a"}
    assert {name for power in POWER for name in power.faults} >= mine


@pytest.mark.parametrize("power", POWER, ids=str)
def test_fault_turns_its_check_red(power: Power, held_target: Path, tmp_path: Path) -> None:
    assert_noticed(power, held_target, tmp_path)
