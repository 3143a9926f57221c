"""Stage 21_01a of a bot in Telegram: healthy it is GO, and what only Telegram's users meet is caught."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from held_lab import SHORT, broken, held_lab, retold

from power.stage_run import left_over, run_stage

# To import aiogram takes four seconds of a processor, at each start of the bot.
SETTINGS = SHORT | {"RESTART_TIMEOUT_SECONDS": "60"}


@pytest.fixture(scope="module")
def lab_in_telegram() -> Iterator[Path]:
    with held_lab(dialog="telegram") as target:
        yield target


@pytest.mark.parametrize(
    ("faults", "code", "red", "told"),
    [
        ((), 0, "nothing", ""),
        (("telegram-reply-lost",), 1, "test_butler_answers", "no message to this user within"),
        (("telegram-text-ascii-only",), 1, "test_context_is_stored", "after what was said before it"),
        (("dialog-new-session-each-turn",), 1, "test_session_stays_the_same", "expected session"),
    ],
    ids=lambda value: "-".join(value) or "healthy" if isinstance(value, tuple) else "",
)
def test_stage_21_01a_in_telegram(
    lab_in_telegram: Path, tmp_path: Path, faults: tuple[str, ...], code: int, red: str, told: str
) -> None:
    target = retold(lab_in_telegram, "short", **SETTINGS)
    with broken(lab_in_telegram, *faults):
        ended = run_stage(target, tmp_path, stage="21_01a")
    assert (ended.first_red, ended.code) == (red, code), ended.explain()
    assert told in ended.reason
    assert left_over(target) == []
