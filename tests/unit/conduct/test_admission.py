"""What keeps a run or a stage from beginning, at every edge of the window; the clock is given, so no day matters."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from small_target import small_target

from acceptance.conduct.admission import Selected, late, overrun, refusal, still_in_time
from acceptance.effects import Effect
from acceptance.stage import Stage

STAGE = Stage("21_01c", "Storage", 50, service="api", flag="F", planned_minutes=45, rollback_minutes=20)
OTHER = Stage("21_01d", "Use case", 60, service="worker", flag="F", planned_minutes=180, rollback_minutes=15)
STAGES = {"21_01c": STAGE, "21_01d": OTHER}
NODE = "ops_tests/stage_21_01c/test_flag_on.py::test_x"
SWITCHES = Selected(NODE, frozenset({Effect.FLAG, Effect.RESTART}), frozenset({"flag_on"}))
LOOKS = Selected("ops_tests/stage_21_01c/test_preflight.py::test_x", fixtures=frozenset({"storage"}))
WRITES = Selected(NODE, frozenset({Effect.DATA}))
RESTARTS = Selected(NODE, frozenset({Effect.RESTART}), frozenset({"restart"}))
LONG = replace(SWITCHES, nodeid="ops_tests/stage_21_01d/test_flag_on.py::test_x")


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    return small_target(tmp_path_factory.mktemp("target"), TARGET_NAME="production", TARGET_KIND="production")


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "admitted"),
    [
        (at("2026-11-28T00:00:00"), False),
        (at("2026-11-28T01:59:59"), False),
        (at("2026-11-28T02:00:00"), True),
        (at("2026-11-28T04:55:00"), True),
        (at("2026-11-28T04:55:01"), False),
        (at("2026-11-28T05:30:00"), False),
        (at("2026-11-28T06:00:00"), False),
        (at("2026-11-27T03:00:00"), False),
        # The night in which Berlin's clocks go back is a Sunday; Saturday 04:30 there is 02:30 UTC.
        (at("2026-10-24T04:30:00", ZoneInfo("Europe/Berlin")), True),
        (at("2026-10-24T03:30:00", ZoneInfo("Europe/Berlin")), False),
        # Friday evening in New York is Saturday morning in UTC, an hour apart before and after the change.
        (at("2026-03-06T21:30:00", ZoneInfo("America/New_York")), True),
        (at("2026-03-13T21:30:00", ZoneInfo("America/New_York")), False),
        (at("2026-03-13T22:30:00", ZoneInfo("America/New_York")), True),
    ],
)
def test_a_stage_begins_where_its_time_and_its_rollback_fit(production, now, admitted):
    assert (late(production, STAGE, "", now) is None) is admitted


def test_refusal_names_the_next_window_and_the_remedy(production):
    why = refusal(production, STAGES, [SWITCHES], "", at("2026-11-24T12:00:00"))
    assert "the next window is Sat 2026-11-28 02:00-06:00 UTC" in why
    assert "--outside-window" in why


@pytest.mark.parametrize("kind", ["lab", "staging"])
def test_only_production_has_a_window(production, kind):
    assert late(replace(production, kind=kind), STAGE, "", at("2026-11-24T12:00:00")) is None


def test_a_reason_opens_the_window(production):
    assert late(production, STAGE, "hotfix agreed with K. Adeyemi", at("2026-11-24T12:00:00")) is None


@pytest.mark.parametrize("check", [SWITCHES, WRITES, RESTARTS], ids=["flag", "data", "restart"])
def test_nothing_is_changed_where_mutations_are_not_allowed(production, check):
    closed = replace(production, allow_mutations=False)
    assert "ALLOW_MUTATIONS is not true" in refusal(closed, STAGES, [LOOKS, check], "reason", at("2026-11-28T02:00:00"))


def test_looking_is_always_allowed(production):
    closed = replace(production, allow_mutations=False)
    assert refusal(closed, STAGES, [LOOKS], "", at("2026-11-24T12:00:00")) is None
    assert overrun(closed, STAGE, [LOOKS], "", at("2026-11-24T12:00:00")) is None


def test_a_later_stage_that_does_not_fit_does_not_keep_the_first_from_beginning(production):
    now = at("2026-11-28T04:00:00")
    assert refusal(production, STAGES, [SWITCHES, LONG], "", now) is None
    assert overrun(production, STAGE, [SWITCHES, LONG], "", now) is None
    assert overrun(production, OTHER, [SWITCHES, LONG], "", now).startswith("window: it is Sat 2026-11-28 04:00:00 UTC")


@pytest.mark.parametrize(
    ("check", "stage", "told"),
    [
        (SWITCHES, replace(STAGE, flag=""), "stage_21_01c/stage.toml has none; add `flag` there"),
        (RESTARTS, replace(STAGE, service=""), "stage_21_01c/stage.toml has none; add `service` there"),
        (replace(SWITCHES, fixtures=frozenset({"flag_on", "flag_off"})), STAGE, "ask for one"),
    ],
)
def test_what_a_stage_lacks_for_its_check_is_told(check, stage, told):
    assert told in check.faults(stage)[0]
    assert check.nodeid in check.faults(stage)[0]
    assert LOOKS.faults(stage) == []


@pytest.mark.parametrize("check", [SWITCHES, LOOKS, replace(WRITES, own=(("x", "Does it."),), title="T")])
def test_a_declaration_survives_the_way_from_a_worker(check):
    assert Selected.from_dict(json.loads(json.dumps(check.to_dict()))) == check


@pytest.mark.parametrize(
    ("minutes", "now", "fits"),
    [
        (20, "2026-11-28T05:20", True),
        (20, "2026-11-28T05:21", False),
        (20, "2026-11-28T05:59:30", False),
        (0, "2026-11-28T05:40", True),
        (0, "2026-11-28T06:20", False),
    ],
)
def test_what_is_left_of_a_stage_and_its_rollback_must_still_fit(production, minutes, now, fits):
    why = still_in_time(production, STAGE, minutes, "", at(now))
    assert (why is None) is fits
    assert fits or why.startswith("stage 21_01c runs late: it is Sat 2026-11-28")
    assert still_in_time(production, STAGE, minutes, "approved by K. Adeyemi", at(now)) is None
