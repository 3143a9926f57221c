"""The conductor leaves the target as it was, unless somebody chose otherwise."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from small_target import BEFORE, FLAG, STAGE

from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.conduct.undo import recover
from acceptance.envfile.file import EnvFile
from acceptance.events import EventLog, read_events
from acceptance.verdict import Inconclusive, MutationFailed, RecoveryNeeded, Refused, RollbackFailed, Untouched


@pytest.fixture
def events(tmp_path):
    return EventLog(tmp_path / "events.jsonl")


@pytest.fixture
def conduct(target, journal, events, restarter):
    def make(mode="rehearse", **changes):
        return Conductor(replace(target, **changes), journal, events, restarter, mode)

    return make


def flag(target):
    return target.env_file.read_text()


def kinds(events):
    return [event.kind for event in read_events(events.path)]


def test_flag_on_is_journalled_before_it_is_written(conduct, target, journal, restarter):
    state = conduct().set_flag(STAGE, True)
    assert state.restarted.proved
    assert flag(target) == BEFORE.replace("=false", "=true")
    assert [entry.undo["kind"] for entry in journal.pending()] == ["flag"]
    assert restarter.restarts == ["api"]


def test_flag_that_cannot_be_journalled_is_not_written(conduct, target, journal, restarter, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "intend", full)
    with pytest.raises(OSError, match="No space"):
        conduct().set_flag(STAGE, True)
    assert (flag(target), restarter.restarts) == (BEFORE, [])


def test_asking_twice_restarts_once(conduct, restarter):
    conductor = conduct()
    assert conductor.set_flag(STAGE, True) == conductor.set_flag(STAGE, True)
    assert restarter.restarts == ["api"]


def test_flag_off_at_the_start_changes_nothing(conduct, target, restarter):
    assert conduct().set_flag(STAGE, False).value is False
    assert (flag(target), restarter.restarts) == (BEFORE, [])


def test_rollback_gives_the_file_back_byte_for_byte_and_happens_once(conduct, target, journal, restarter, monkeypatch):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    monkeypatch.setattr("acceptance.conduct.undo.time", SimpleNamespace(monotonic=iter([100.0, 102.5]).__next__))
    first = conductor.rollback("21_01c", "a check failed")
    assert conductor.rollback("21_01c", "again") == first
    assert (first.seconds, restarter.need_proof) == (2.5, False)
    exact = "restored (exact): the file is byte for byte as it was before the change; butler-api"
    assert f"{target.env_file} {exact}" in first.account
    assert (flag(target), restarter.restarts, journal.pending()) == (BEFORE, ["api", "api"], [])


def test_rolled_back_stage_is_neither_started_nor_accepted_again(conduct):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    conductor.rollback("21_01c", "a check failed")
    with pytest.raises(Refused, match="was rolled back"):
        conductor.set_flag(STAGE, True)
    with pytest.raises(Refused, match="cannot be accepted"):
        conductor.accept("21_01c")


@pytest.mark.parametrize(
    ("mode", "accepted", "kept"),
    [("deploy", True, True), ("deploy", False, False), ("rehearse", True, False), ("rehearse", False, False)],
)
def test_flag_is_left_enabled_only_when_accepted_in_deploy(conduct, target, journal, mode, accepted, kept):
    conductor = conduct(mode)
    conductor.set_flag(STAGE, True)
    conductor.end_stage("21_01c")  # restored; what follows is another try
    conductor.set_flag(STAGE, True)
    if accepted:
        conductor.accept("21_01c")
    assert conductor.end_stage("21_01c") is kept
    conductor.finish("over")
    assert flag(target) == (BEFORE.replace("=false", "=true") if kept else BEFORE)
    assert journal.pending() == []


def test_restoring_after_a_rehearsal_is_no_rollback(conduct, events):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    conductor.end_stage("21_01c")
    assert "flag.restored" in kinds(events)
    assert "rollback.started" not in kinds(events)


def test_end_of_the_run_rolls_back_what_is_still_open(conduct, target, events):
    conductor = conduct("deploy")
    conductor.set_flag(STAGE, True)
    conductor.accept("21_01c")  # accepted, but the run was cut short before the stage was left
    assert conductor.finish("SIGTERM") == ()
    assert flag(target) == BEFORE
    assert "rollback.finished" in kinds(events)


def test_restart_that_fails_at_first_is_tried_again_in_a_rollback(conduct, restarter, target):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    restarter.failures = 2
    assert "restarted" in conductor.rollback("21_01c", "a check failed").account
    assert flag(target) == BEFORE


def test_failed_rollback_is_loud_and_stays_in_the_journal(conduct, restarter, journal, events, target):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    restarter.failures = 99
    with pytest.raises(RollbackFailed) as failure:
        conductor.rollback("21_01c", "a check failed")
    by_hand = by_hand_commands(target, "api", FLAG)
    assert all(command in str(failure.value) for command in by_hand), failure.value
    assert len(journal.pending()) == 1
    last = [event.data for event in read_events(events.path) if event.kind == "rollback.finished"][-1]
    assert (last["ok"], last["by_hand"][:3]) == (False, by_hand)


def test_flip_that_did_not_take_is_undone_at_the_end(conduct, restarter, target):
    conductor = conduct()
    restarter.failures = 1
    with pytest.raises(MutationFailed):
        conductor.set_flag(STAGE, True)
    assert "=true" in flag(target)
    conductor.finish("over")
    assert flag(target) == BEFORE


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{FLAG}=true\n", "already true"),
        ("OTHER=1\n", FLAG),
        (f"{FLAG}=maybe\n", "maybe"),
        (f"{FLAG}=false\r\n", "carriage return"),
    ],
    ids=["already-on", "missing", "no-boolean", "crlf"],
)
def test_flag_that_cannot_be_switched_is_refused_before_anything(conduct, target, restarter, content, told):
    target.env_file.write_bytes(content.encode())
    with pytest.raises(Refused, match=told):
        conduct().set_flag(STAGE, True)
    assert (target.env_file.read_bytes(), restarter.restarts) == (content.encode(), [])


def test_target_that_does_not_allow_mutations_is_left_alone(conduct, target, restarter):
    with pytest.raises(Refused, match="ALLOW_MUTATIONS is not true"):
        conduct(allow_mutations=False).set_flag(STAGE, True)
    assert (flag(target), restarter.restarts) == (BEFORE, [])


def test_stage_that_may_not_start_is_refused_before_anything(target, journal, events, restarter):
    conductor = Conductor(target, journal, events, restarter, may_start=lambda stage: f"{stage.id}: not now")
    for act in (lambda: conductor.set_flag(STAGE, True), lambda: conductor.restart(STAGE, "api")):
        with pytest.raises(Refused, match="21_01c: not now"):
            act()
    assert (flag(target), restarter.restarts, journal.pending()) == (BEFORE, [], [])


@pytest.mark.parametrize("late_at", ["flag-on", "acceptance"])
def test_window_is_asked_again_at_flag_on_and_at_acceptance(target, journal, events, restarter, late_at):
    """Switched at 05:59:30, accepted at 06:20: the stage had begun in time."""
    asked = []

    def in_time(stage, minutes):
        asked.append(minutes)
        return "runs late" if late_at == ("flag-on" if minutes else "acceptance") else None

    conductor = Conductor(target, journal, events, restarter, "deploy", in_time=in_time)
    stage = replace(STAGE, soak_minutes=20)
    conductor.set_flag(stage, False)
    if late_at == "acceptance":
        conductor.set_flag(stage, True)
    with pytest.raises(Refused, match="runs late"):
        conductor.set_flag(stage, True) if late_at == "flag-on" else conductor.accept("21_01c")
    conductor.end_stage("21_01c")
    assert (flag(target), asked) == (BEFORE, [20] if late_at == "flag-on" else [20, 0])


def test_stage_that_may_not_be_accepted_is_restored(target, journal, events, restarter):
    conductor = Conductor(target, journal, events, restarter, "deploy", may_accept=lambda it: f"{it.id}: unsigned")
    conductor.set_flag(STAGE, True)
    with pytest.raises(Inconclusive, match="21_01c: unsigned"):
        conductor.accept("21_01c")
    assert (conductor.end_stage("21_01c"), flag(target)) == (False, BEFORE)


def test_what_a_crash_left_is_undone_from_the_journal(conduct, target, journal, events, restarter):
    conduct().set_flag(STAGE, True)  # and then the process is gone
    later = Journal(journal.path, "run-2")
    accounts = recover(target, later, events, restarter)
    assert len(accounts) == 1
    assert flag(target) == BEFORE
    assert recover(target, Journal(journal.path, "run-3"), events, restarter) == []  # twice is harmless


def test_recovery_that_fails_leaves_the_journal_open(conduct, target, journal, events, restarter):
    conduct().set_flag(STAGE, True)
    restarter.failures = 99
    with pytest.raises(RecoveryNeeded, match="could not be undone"):
        recover(target, Journal(journal.path, "run-2"), events, restarter)
    assert len(Journal(journal.path, "run-3").pending()) == 1


@pytest.fixture
def rewritten(monkeypatch, target, restarter):
    """Let each restart write the env file itself, from a template say."""

    def to(write):
        restart = restarter.restart

        def and_write(key, **options):
            write(target.env_file)
            return restart(key, **options)

        monkeypatch.setattr(restarter, "restart", and_write)

    return to


def template(value):
    return lambda file: file.write_text(BEFORE.replace("=false", f"={value}"))


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        (template("false"), f"{FLAG}: expected true, .* found false; see what the restart command"),
        (lambda file: file.write_text(file.read_text().replace("OTHER=1\n", "")), "OTHER: .* found no such key"),
        (lambda file: file.write_text(file.read_text() + "MORE=s3cret\n"), "MORE: expected no such key"),
        (lambda file: file.chmod(0o666), "owner and mode: .* found .* 666"),
    ],
    ids=["flag-set-back", "key-lost", "key-added", "opened"],
)
def test_restart_command_that_alters_the_env_file_is_told(writes, told, conduct, rewritten):
    rewritten(writes)
    with pytest.raises(MutationFailed, match=told) as failed:
        conduct().set_flag(STAGE, True)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    ("writes", "told"),
    [
        (template("true"), "after the restart"),
        (lambda file: file.write_text(f"{file.read_text()}declare -x {FLAG}=true\n"), "a shell may take"),
    ],
    ids=["as-we-did", "for-a-shell"],
)
def test_restart_command_that_sets_the_flag_again_is_a_failed_rollback(writes, told, conduct, rewritten, events):
    rewritten(writes)
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    with pytest.raises(RollbackFailed, match=told):
        conductor.rollback("21_01c", "a check failed")
    assert [event.data["ok"] for event in read_events(events.path) if event.kind == "rollback.finished"] == [False]


def test_flag_that_others_switched_off_is_not_accepted(conduct, target):
    conductor = conduct()
    conductor.set_flag(STAGE, True)
    EnvFile(target.env_file).set(FLAG, "false")
    with pytest.raises(MutationFailed, match=f"{FLAG}: expected true, found false; somebody else"):
        conductor.accept("21_01c")


def test_survey_takes_the_flag_as_it_stands_and_touches_nothing(conduct, target, restarter, events, journal):
    conductor = conduct("survey")
    found = conductor.set_flag(STAGE, False)
    acts = [
        lambda: found.switched(),
        lambda: conductor.set_flag(STAGE, True),
        lambda: conductor.restart(STAGE, "api"),
        lambda: conductor.add_flags(STAGE, ["ANOTHER"]),
        lambda: conductor.accept(STAGE.id),
        lambda: conduct("survey", allow_mutations=False).expect_data("ops"),
    ]
    for act in acts:
        with pytest.raises(Untouched):
            act()
    conductor.finish("over")
    assert (flag(target), restarter.restarts, events.path.exists(), journal.pending()) == (BEFORE, [], False, [])
