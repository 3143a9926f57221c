"""A bot in Telegram: stage 21_01a of a healthy one is GO, and what its users meet there is caught."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from held_lab import SHORT, held_lab, retold

from lab.bot.faults import TELEGRAM_FAULTS
from power.stage_run import left_over, run_stage
from power.survey import both_tests
from power.table import Power

# To import aiogram takes four seconds of a processor, at each start of the bot.
SETTINGS = {"RESTART_TIMEOUT_SECONDS": "60"}
On = partial(Power, stage="21_01a", only=("flag_on",), settings=SETTINGS)
Post = partial(Power, stage="post_deployment", settings=SETTINGS)
POWER = (
    On(("telegram-reply-lost",), ("test_butler_answers",), "no message to this user within"),
    On(
        ("telegram-answers-twice",),
        ("test_butler_answers",),
        "was answered with the same text twice",
        settings=SETTINGS | {"TELEGRAM_SETTLE_SECONDS": "0.5"},  # else the second one may come after the next message
        survey="on",
    ),
    On(("telegram-text-ascii-only",), ("test_context_is_stored",), "after what was said before it", survey="on"),
    Post(("digest-empty",), ("test_digest_is_sent",), "There is nothing new", survey="post"),
    Post(("channel-info-of-another",), ("test_channel_info_is_returned",), "another_one", survey="post"),
)


@pytest.fixture(scope="module")
def lab_in_telegram() -> Iterator[Path]:
    with held_lab(dialog="telegram") as target:
        yield target


def test_healthy_stage_is_go(lab_in_telegram: Path, tmp_path: Path) -> None:
    target = retold(lab_in_telegram, "short", **SHORT | SETTINGS)
    ended = run_stage(target, tmp_path, stage="21_01a")
    assert (ended.first_red, ended.code, ended.outcome) == ("nothing", 0, "GO"), ended.explain()
    assert left_over(target) == []


def test_every_fault_is_tried() -> None:
    assert {name for power in POWER for name in power.faults} >= {fault.name for fault in TELEGRAM_FAULTS}


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "lab_in_telegram")
