"""A stage that cannot be watched is refused before anything of the target is changed: each stage, in its own checks."""

import pytest
from held_lab import retold
from power.stage_run import left_over, run_stage

from acceptance.target.loading import load_target

INCONCLUSIVE = 10
CHANGES = {"flag.changing", "flags.added", "service.restarting"}
READY = {"21_00": "test_services_can_be_restarted_and_watched"}


@pytest.mark.parametrize("stage", ["21_00", "21_01a", "21_01b", "21_01c", "21_01d"])
def test_stage_without_its_database_is_refused_before_anything_is_changed(stage, lab, tmp_path):
    before = load_target(lab).env_file.read_bytes()
    deaf = retold(lab, "deaf", MONGODB_URL="mongodb://127.0.0.1:9/", HTTP_TIMEOUT_SECONDS="2")
    ended = run_stage(deaf, tmp_path, stage=stage)
    told = (ended.code, ended.first_red, "MONGODB_URL" in ended.reason)
    assert told == (INCONCLUSIVE, READY.get(stage, "test_stage_can_be_switched_and_watched"), True), ended.explain()
    assert (CHANGES & {event.kind for event in ended.events}, left_over(lab)) == (set(), [])
    assert load_target(lab).env_file.read_bytes() == before


def test_friday_without_its_database_is_no_failed_rollback_and_the_next_run_begins(lab, tmp_path):
    deaf = retold(lab, "deaf", MONGODB_URL="mongodb://127.0.0.1:9/", HTTP_TIMEOUT_SECONDS="2")
    for name in ("first", "next"):
        ended = run_stage(deaf, tmp_path / name, stage="pre_deployment")
        said = [words in ended.output for words in ("MongoDB did not answer", "LEFT TO THE NEXT START", "ROLLBACK")]
        assert (ended.code, said) == (INCONCLUSIVE, [True, True, False]), ended.explain()
    run_stage(lab, tmp_path / "paid", "-k", "ticket_is_named", stage="pre_deployment")
    assert left_over(lab) == []
