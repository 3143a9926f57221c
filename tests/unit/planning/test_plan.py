"""The plan as text: order, modes, the window by stage, and what an earlier run left."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from small_target import small_target

from acceptance.conduct.admission import Selected
from acceptance.effects import Effect
from acceptance.gates.measures import Gate, Trigger
from acceptance.planning.plan import Plan
from acceptance.stage import Stage

FLAG = "USE_NEW_STORAGE_ADAPTER"
GATE = Gate("errors", "No errors", (), "count", 'sum(errors{job="$job"})', "== 0")
TRIGGER = Trigger("down", "Down", (), "value", 'up{job="$job"} == bool 0', "> 0")
TIMES = {"planned_minutes": 45, "soak_minutes": 20, "rollback_minutes": 20}
JUDGED = {"metrics": "review_archive_storage_", "gates": (GATE,), "triggers": (TRIGGER,)}
STAGE = Stage("21_01c", "Storage", 50, service="api", flag=FLAG, **TIMES, **JUDGED)
LATER = replace(STAGE, id="21_01d", title="Use case", service="worker", planned_minutes=180, gates=(), triggers=())
SATURDAY = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


EFFECTS = {
    "flag_on": (Effect.FLAG, Effect.RESTART),
    "flag_off": (Effect.FLAG, Effect.RESTART),
    "add_flags": (Effect.FLAG,),
    "writes_data": (Effect.DATA,),
}


def check(phase, *fixtures, stage="21_01c"):
    effects = frozenset(effect for name in fixtures for effect in EFFECTS.get(name, ()))
    return Selected(f"ops_tests/stage_{stage}/test_{phase}.py::test_x", effects, frozenset(fixtures))


@pytest.fixture
def target(tmp_path):
    flags = f"{FLAG}=false\nUSE_DECOMPOSED_USE_CASE=false\n"
    return small_target(tmp_path, flags, TARGET_NAME="production", TARGET_KIND="production")


def plan(target, *checks, mode="rehearse", reason="", now=SATURDAY, width=200):
    made = Plan(target, {"21_01c": STAGE, "21_01d": LATER}, checks, mode, reason, now, width)
    return [line.strip() for line in made.lines()], made.refusals


def test_queries_are_those_of_the_targets_job(target):
    lines, _ = plan(target, check("soak", "flag_on", "soaked"))
    assert 'query       gate errors holds at == 0: sum(errors{job="butler-api"})' in lines
    assert 'query       down fires at > 0: up{job="butler-api"} == bool 0' in lines


def test_a_flag_is_switched_once_for_all_checks_that_need_it(target):
    lines, _ = plan(target, *(check(phase, "flag_on") for phase in ("flag_on", "security", "soak")))
    assert sum(line.startswith(f"change      {FLAG}=true") for line in lines) == 1


def test_rollback_ends_with_a_question_for_the_new_path(target):
    lines, _ = plan(target, check("flag_on", "flag_on"))
    before_the_end = lines[lines.index("end") - 1]
    assert before_the_end.startswith("look        for metrics review_archive_storage_* of job butler-api")


def test_a_stage_whose_service_is_absent_is_planned_as_not_applicable(tmp_path):
    lines, refusals = plan(small_target(tmp_path, ABSENT="api"), check("flag_on", "flag_on"))
    assert "absent      api, by ABSENT of the target file: NOT APPLICABLE" in lines
    assert [line for line in lines if line.startswith(("change", "command"))] == refusals == []


def test_flag_off_changes_nothing_where_it_is_off(target):
    lines, refusals = plan(target, check("flag_off", "flag_off"))
    assert not [line for line in lines if line.startswith(("change", "command"))]
    assert refusals == []


def test_deploy_keeps_a_flag_and_says_on_what_condition(target):
    lines, _ = plan(target, check("flag_on", "flag_on"), mode="deploy")
    assert f"keep        {FLAG}=true if the exit gate accepts, else rollback:" in lines


def test_a_later_stage_that_will_not_fit_is_told_and_the_run_is_not_refused(target):
    lines, refusals = plan(target, check("flag_on", "flag_on"), check("flag_on", "flag_on", stage="21_01d"))
    windows = [line for line in lines if line.startswith("window")]
    assert "would begin Sat 2026-11-28 02:00 UTC and fits" in windows[0]
    assert "would begin Sat 2026-11-28 02:45 UTC, NOT RUN" in windows[1]
    assert refusals == []


def test_outside_the_window_the_run_would_be_refused(target):
    _, refusals = plan(target, check("flag_on", "flag_on"), now=datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert "the next window is Sat 2026-11-28" in refusals[0]


def test_what_an_earlier_run_left_is_undone_first(target, journal):
    journal.intend(f"{FLAG} false -> true", {"kind": "flag"})
    lines, _ = plan(target, check("preflight"))
    assert f"recovery    undo «{FLAG} false -> true» that run run-1 left, before anything else" in lines


def test_a_provided_target_is_not_looked_for(target, journal):
    """Its env file is not there yet: that is no fault, and what a run left beside that of the default is another's."""
    journal.intend(f"{FLAG} false -> true", {"kind": "flag"})
    lines, refusals = plan(replace(target, provider="python -m lab serve", kind="lab"), check("flag_on", "flag_on"))
    assert any(line.startswith("command     python -m lab serve") for line in lines)
    assert (refusals, [line for line in lines if line.startswith(("recovery", "lock", "journal     open"))]) == ([], [])
    assert any("the target that is started has its own" in line for line in lines)


def test_a_stages_own_fixture_is_told_in_its_own_words(target):
    own = replace(check("flag_on", "flag_on", "letters"), own=(("letters", "Writes letters to the dean."),))
    assert "uses        letters: Writes letters to the dean." in plan(target, own)[0]


def test_a_check_that_only_looks_is_told_by_what_it_claims(target):
    looks = replace(check("preflight", "target"), title="No target is down.")
    assert "look        No target is down." in plan(target, looks, replace(looks, nodeid=f"{looks.nodeid}y"))[0]


def test_a_flag_that_a_check_before_adds_may_be_absent(target):
    target.env_file.write_text("OTHER=1\n")
    switches = check("flag_on", "flag_on")
    adds = check("preflight", "stage_work", "add_flags")
    assert plan(target, switches)[1] != []
    assert plan(target, adds, switches)[1] == []


def test_lines_fit_the_terminal_where_words_allow(target):
    lines, _ = plan(target, check("flag_on", "flag_on", "new_id", "writes_data"), width=80)
    assert max(len(line) for line in lines if "/" not in line) <= 80


def test_a_plan_begins_with_its_summary(target):
    checks = [check("preflight"), check("flag_off", "flag_off"), check("flag_on", "flag_on", "writes_data")]
    target = replace(target, soak_seconds=15)
    plan = Plan(target, {STAGE.id: STAGE}, [*checks, check("soak", "flag_on", "soaked")], "rehearse", "", SATURDAY)
    assert [line.split(maxsplit=1) for line in list(plan.lines())[1:7]] == [
        ["summary"],
        ["refused", "no"],
        ["effect", "2 flag changes, 2 restarts"],
        ["time", "25.2 min planned, of them 0.25 min soak"],
        ["checks", "4, of which 1 only look"],
        ["test", "data   by 1 check, removed at the end"],
    ]
