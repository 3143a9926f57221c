"""The closing panel: what the operator reads last, and that a failed rollback is what is read last of all."""

from dataclasses import replace
from pathlib import Path

import pytest
import record_samples as samples

from acceptance.checklist import State
from acceptance.record.panel import panel
from acceptance.record.publish import load
from acceptance.record.schema import Facts

PAGE = Path("reports/lab-1/record.html")
NOW = ["USE_NEW_STORAGE_ADAPTER is true in /infra/.env.infra", "butler-api: does not answer 200"]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    wanted = ("go", "no_go", "inconclusive", "interrupted", "rollback_failed")
    return {name: load(getattr(samples, name)(folder / name)) for name in wanted}


def shown(record, exit_code=1, width=80):
    return list(panel(record, PAGE, exit_code, width, lambda _: NOW, "recover.py --target here"))


def text(rows):
    return "\n".join(row.text for row in rows)


@pytest.mark.parametrize(
    ("name", "word", "mark"),
    [("go", "GO", "good"), ("no_go", "NO-GO", "bad"), ("inconclusive", "INCONCLUSIVE", "warn")],
)
def test_first_line_is_the_outcome(records, name, word, mark):
    first = shown(records[name], 0)[0]
    assert (first.text.startswith(word), first.mark, first.title) == (True, mark, True)


def test_a_rollback_says_what_was_undone(records):
    assert "rolled back   21_01c" in text(shown(records["no_go"]))


def test_five_reasons_at_most_and_how_many_more(records):
    record = replace(records["no_go"], reasons=tuple(f"reason {number}" for number in range(12)))
    rows = [row.text for row in shown(record) if "reason" in row.text or "more" in row.text]
    assert rows[-1].strip() == "and 7 more: see the record"
    assert len(rows) == 6


def test_lines_fit_whatever_a_reason_holds(records):
    long = "ops_tests/stage_21_01c/test_security.py::test_attack_is_blocked[" + "../" * 300 + "]"
    rows = shown(replace(records["no_go"], reasons=(long, long)))
    assert max(len(row.text) for row in rows if str(PAGE) not in row.text) <= 80
    assert len(rows) < 24
    good = replace(records["go"], facts=replace(records["go"].facts, mode="rehearse"))
    states = (State.AWAITING, State.WAIVED, State.NOT_RUN, State.INCONCLUSIVE)
    lines = tuple(replace(each, chapter="21_01c", state=state) for each, state in zip(good.lines, states, strict=False))
    rows = shown(replace(good, lines=(*good.lines, *lines)), 0)
    assert max(len(row.text) + 4 * row.title for row in rows if str(PAGE) not in row.text) <= 80
    assert "1 await a person" in text(rows)


def test_failed_rollback_comes_last_with_state_and_exact_commands(records):
    record = records["rollback_failed"]
    rows = shown(record, 12)
    alarm = next(number for number, row in enumerate(rows) if row.title and row.mark == "loud")
    commands = record.rollbacks[-1].by_hand
    assert commands
    assert [row.text.strip() for row in rows[-len(commands) :]] == list(commands)
    assert NOW[1] in text(rows[alarm:])
    assert record.rollbacks[-1].account[:40] in text(rows[alarm:])


def test_a_rollback_that_failed_twice_is_told_once_and_one_that_then_succeeded_not_at_all(records):
    record = records["rollback_failed"]
    failed = record.rollbacks[-1]
    twice = shown(replace(record, rollbacks=(failed, failed)), 12)
    assert sum(row.title and row.mark == "loud" for row in twice) == 1
    then_good = replace(failed, ok=True, by_hand=())
    assert "HALF-SWITCHED" not in text(shown(replace(record, rollbacks=(failed, then_good)), 1))


def test_test_data_that_stays_is_as_loud(records):
    record = replace(records["no_go"], reasons=("ROLLBACK FAILED: test data of ops1 not removed",), rollbacks=())
    assert shown(record, 12)[-1].mark == "loud"


def test_a_flag_that_is_still_on_gets_the_command_that_undoes_it(records):
    assert [row.text for row in shown(records["interrupted"], 2)][-1] == "  recover.py --target here"


def test_a_good_run_is_not_loud(records):
    assert all(row.mark != "loud" for name in ("go", "no_go", "interrupted") for row in shown(records[name], 0))


def test_a_refusal_says_that_nothing_was_changed(records):
    refused = replace(records["inconclusive"], facts=Facts())
    rows = shown(refused, 13)
    assert rows[0].text == "REFUSED: the run did not begin, nothing was changed"
    assert not any(row.text.startswith("why") for row in rows), "its reason stands whole above the panel"


def test_a_check_refused_within_a_run_is_not_told_as_a_run_that_did_not_begin(records):
    assert shown(records["inconclusive"], 13)[0].text.startswith("INCONCLUSIVE")


def test_what_the_alarm_says_is_not_said_twice(records):
    said = text(shown(records["rollback_failed"], 12))
    assert said.count("ROLLBACK FAILED") == 1
    assert "flags now" not in said
