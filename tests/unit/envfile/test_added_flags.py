"""Stage 21_00 adds missing flags as false: only those, and a rehearsal or a crash takes them out again."""

import pytest
from small_target import small_target

from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.undo import recover
from acceptance.events import EventLog, read_events
from acceptance.stage import Stage
from acceptance.verdict import Refused, RollbackFailed

STAGE = Stage("21_00", "Preparation", 20, service="all")
LATER = Stage("21_01c", "Storage", 50, service="api", flag="USE_NEW_STORAGE_ADAPTER")
BEFORE = "MONGO_PASSWORD=x\n# ours\nUSE_DECOMPOSED_USE_CASE=false"  # without an end of line


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path, BEFORE)


@pytest.fixture
def conduct(target, journal, restarter, tmp_path):
    return lambda mode: Conductor(target, journal, EventLog(tmp_path / "events.jsonl"), restarter, mode)


def test_only_what_is_missing_is_added_and_the_last_line_is_ended_first(conduct, target):
    added = conduct("rehearse").add_flags(STAGE, target.flags.values())
    text = target.env_file.read_text()
    assert added == ("USE_NEW_DIALOG_CONTEXT_REPO", "USE_NEW_HOMEWORK_REVIEW_SERVICE", "USE_NEW_STORAGE_ADAPTER")
    assert text.startswith(BEFORE + "\n# Epic 21 feature flags (added 2")
    assert text.endswith("\n" + "".join(f"{flag}=false\n" for flag in added))


def test_nothing_is_changed_when_all_are_there(conduct, target, journal):
    conductor = conduct("rehearse")
    conductor.add_flags(STAGE, target.flags.values())
    before = target.env_file.read_text()
    assert conductor.add_flags(STAGE, target.flags.values()) == ()
    assert target.env_file.read_text() == before
    assert len(journal.pending()) == 1


def test_a_rehearsal_takes_them_out_again_after_later_stages_have_switched_them(conduct, target, journal, restarter):
    conductor = conduct("rehearse")
    conductor.add_flags(STAGE, target.flags.values())
    conductor.end_stage("21_00")
    conductor.set_flag(LATER, True)
    conductor.finish("over")
    assert (target.env_file.read_text(), journal.pending()) == (BEFORE, [])
    assert restarter.restarts == ["api", "api", "all"]


def test_a_deployment_keeps_them(conduct, target, journal):
    conductor = conduct("deploy")
    conductor.add_flags(STAGE, target.flags.values())
    assert journal.pending() == []
    conductor.finish("over")
    assert "USE_NEW_STORAGE_ADAPTER=false\n" in target.env_file.read_text()


@pytest.mark.parametrize("switched", [False, True])
def test_the_next_run_takes_out_what_a_crashed_one_added(conduct, target, restarter, tmp_path, switched):
    conductor = conduct("rehearse")
    conductor.add_flags(STAGE, target.flags.values())
    if switched:
        conductor.set_flag(LATER, True)
    next_run = Journal(target.journal_file, "run-2")
    recover(target, next_run, EventLog(tmp_path / "events.jsonl"), restarter)
    assert (target.env_file.read_text(), next_run.pending()) == (BEFORE, [])
    undone = [event.data for event in read_events(tmp_path / "events.jsonl") if event.kind == "recovery.undone"]
    assert {value for each in undone for value in each["flags"].values()} == {"false"}


def test_flags_that_cannot_be_journalled_are_not_written(conduct, target, journal, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "intend", full)
    with pytest.raises(OSError, match="No space"):
        conduct("rehearse").add_flags(STAGE, target.flags.values())
    assert target.env_file.read_text() == BEFORE


def test_a_flag_without_a_value_is_refused_rather_than_added_beside(conduct, target):
    target.env_file.write_text("USE_NEW_STORAGE_ADAPTER\n")
    with pytest.raises(Refused, match="USE_NEW_STORAGE_ADAPTER on line 1 is there already"):
        conduct("rehearse").add_flags(STAGE, target.flags.values())
    assert target.env_file.read_text() == "USE_NEW_STORAGE_ADAPTER\n"


def test_somebody_elses_change_of_an_added_flag_is_left_and_told(conduct, target):
    conductor = conduct("rehearse")
    conductor.add_flags(STAGE, target.flags.values())
    text = target.env_file.read_text().replace("ADAPTER=false", "ADAPTER=true")
    target.env_file.write_text(text)
    with pytest.raises(RollbackFailed, match="somebody else changed it"):
        conductor.finish("over")
    assert target.env_file.read_text() == text
