"""A stage builds on what its ticket's earlier runs have done; what they left open is named, unless it is waived."""

from dataclasses import replace

import pytest
from record_writer import run

from acceptance.checklist import load_items
from acceptance.kinds import RunStarted
from acceptance.record.earlier_runs import records_of_ticket
from acceptance.record.left_open import left_open
from acceptance.record.publish import publish
from acceptance.stage import Stage

OWN = "staging-20251129T060000Z-0001"
START = RunStarted(ticket="CHG-2025-11-042", target={"name": "staging", "env_file": "~/work/infra/.env.infra"})
STAGES = {
    "pre_deployment": Stage("pre_deployment", "Before", 10),
    "21_00": Stage("21_00", "Preparation", 20, service="all", depends_on=("pre_deployment",)),
    "21_01c": Stage("21_01c", "Storage", 50, service="api", flag="F", depends_on=("21_00",)),
}
PRE = ("preflight", "test_window", ["pre.planning.1"], "Window")
ZERO = ("preflight", "test_flags", ["21_00.exit.1"], "Flags")


@pytest.fixture
def earlier(tmp_path):
    """Write one earlier run with one check of one stage."""

    def write(number, stage, check, verdict="PASS", signed=None, **facts):
        folder = tmp_path / f"staging-20251129T0{number}0000Z-0001"
        with run(folder, checks=[], run_id=str(number), **facts) as writer:
            plan = {"nodeid": f"ops_tests/{'stage_' * stage.startswith('21')}{stage}/test_{check[0]}.py::{check[1]}"}
            writer.say("checks.expected", checks=[plan | {"items": check[2], "title": check[3]}])
            writer.say("stage.started", stage=stage, title=stage)
            if verdict:
                said = {"items": check[2], "title": check[3], "verdict": verdict, "stage": stage, "phase": check[0]}
                writer.say("check.finished", **plan, **said)
            for item in signed if signed is not None else [each.id for each in load_items()]:
                writer.say("signoff.given", item=item, name="K. Adeyemi", at=writer.now.isoformat())
            writer.say("stage.finished", stage=stage, verdict=verdict or "NOT RUN")
        publish(folder)

    return write


def named(tmp_path, settled=(), signed=(), selected=("21_01c",), **start):
    records, unread = records_of_ticket(tmp_path / OWN, replace(START, **start))
    return left_open(STAGES, selected, records, lambda item: item in settled, signed) + unread


def test_nothing_is_open_after_good_runs_of_the_same_ticket(earlier, tmp_path):
    earlier(1, "pre_deployment", PRE, mode="rehearse")
    earlier(2, "21_00", ZERO)
    assert named(tmp_path) == []


def test_stages_that_were_not_run_with_this_ticket_are_open(earlier, tmp_path):
    earlier(1, "pre_deployment", PRE, ticket="CHG-2025-11-041")
    earlier(2, "21_00", ZERO, mode="rehearse")
    assert [each.partition(" was")[0] for each in named(tmp_path)] == ["pre_deployment", "21_00"]
    assert named(tmp_path, selected=("pre_deployment", "21_00", "21_01c")) == []
    assert [each.partition(" was")[0] for each in named(tmp_path, ticket="")] == ["pre_deployment", "21_00"]
    chapters = {each.id for each in load_items() if each.chapter in ("pre", "21_00")}
    assert named(tmp_path, settled=chapters) == []


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", ""])
def test_check_that_was_not_good_is_open_until_it_is_repeated_or_waived(verdict, earlier, tmp_path):
    earlier(1, "pre_deployment", PRE)
    earlier(2, "21_00", ZERO)
    earlier(3, "21_00", ZERO, verdict=verdict)
    [found] = named(tmp_path)
    assert found.startswith(f"21_00.exit.1: {verdict or 'NOT RUN'} in run 3")
    assert named(tmp_path, settled={"21_00.exit.1"}) == []
    earlier(4, "21_00", ZERO)
    assert named(tmp_path) == []


def test_sign_off_that_was_awaited_is_open(earlier, tmp_path):
    signed = [each.id for each in load_items() if each.id != "pre.planning.4"]
    earlier(1, "pre_deployment", PRE, signed=signed)
    earlier(2, "21_00", ZERO)
    [found] = named(tmp_path)
    assert found.startswith("pre.planning.4: AWAITING in run 1")
    assert named(tmp_path, settled={"pre.planning.4"}) == named(tmp_path, signed={"pre.planning.4"}) == []


@pytest.mark.parametrize(
    ("verdict", "item"), [("FAIL", "pre.technical.6"), ("NOT RUN", "pre.technical.3"), ("FAIL", "pre.technical.3")]
)
def test_sign_off_never_stands_for_a_check(verdict, item, earlier, tmp_path):
    earlier(1, "pre_deployment", ("preflight", "test_it", [item], "It"), verdict=verdict)
    earlier(2, "21_00", ZERO)
    assert len(named(tmp_path, signed={item})) == 1
    assert named(tmp_path, settled={item}) == []


def test_run_that_cannot_be_believed_is_named_and_not_passed_over(earlier, tmp_path):
    earlier(1, "pre_deployment", PRE)
    earlier(2, "21_00", ZERO)
    earlier(3, "21_00", ZERO, verdict="FAIL")
    log = next(tmp_path.glob("staging-20251129T030000Z-0001/events.jsonl"))
    log.write_text(log.read_text().replace("FAIL", "fail"))
    [found] = named(tmp_path)
    assert found.startswith(log.parent.name)
