"""The first screen: cause, next step and commands, each once and in plain words."""

from dataclasses import replace

import pytest
import record_samples as samples

from acceptance.checklist import State
from acceptance.record import first_screen, formatting
from acceptance.record.publish import load
from acceptance.record.signoffs import covered
from acceptance.verdict import Outcome, Verdict


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return load(samples.no_go(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize(
    ("reasons", "causes"),
    [
        (["TRIGGER: errors: 7 %", "Smoke: cut short: trigger errors: 7 %", "1 check had no data"], 1),
        (["1 check failed", "44 checks did not run", "stage 21_01c was not accepted"], 3),
        (["Upload: expected 201, found 500", "Dialog: expected 200, found 500", "2 checks failed"], 2),
    ],
    ids=["a consequence is no cause", "counts where there is nothing else", "two causes"],
)
def test_causes_are_told_and_what_follows_from_them_is_not(record, reasons, causes):
    assert first_screen.causes(replace(record, reasons=tuple(reasons))) == reasons[:causes]


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("Disk: assert 8 > 9", "Disk"),
        ("Upload: httpx.ConnectError: [Errno 111] refused", "Upload"),
        ("Soak; httpx.ConnectError: refused", "Soak"),
        ("Soak: HTTPConnectionPool(host='::1', port=9): (a; b)", "Soak"),
        ("Soak: HTTPConnectionPool(host='::1', port=9): (a); check that it runs", "Soak; check that it runs"),
        ("Soak: KeyError: (a); check URL (LOGIN, TENANT) of it", "Soak; check URL (LOGIN, TENANT) of it"),
    ],
)
def test_what_python_says_of_an_error_is_left_to_the_check_and_the_next_step_is_not(said, plain):
    where, _, step = plain.partition("; ")
    assert first_screen.plain(said) == f"{where} (the error itself stands at the check){step and '; ' + step}"


def test_what_a_restore_met_is_its_cause_where_no_check_failed(tmp_path):
    record = load(samples.rollback_failed(tmp_path / "run"))
    said = "expected 201, found 500 Internal Server Error: {}; see its log"
    tries = [replace(each, account=f"restarted; then failed: {said}") for each in record.rollbacks]
    assert first_screen.causes(replace(record, reasons=("ROLLBACK FAILED: x",), rollbacks=tuple(tries))) == [said]


def test_a_sentence_of_ours_stays_whole():
    said = "the error rate: expected < 5 %, found 7 % (ErrorRate of 12); look at the log."
    assert first_screen.plain(said) == said


def test_an_undo_that_failed_at_the_end_of_the_run_gives_its_commands(record):
    failed = replace(record, rollback_failure="api did not come back. By hand:\n  cd /infra && make restart-api")
    assert first_screen.word(failed) == "ROLLBACK FAILED"
    assert first_screen.commands(failed) == ["cd /infra && make restart-api"]
    assert list(first_screen.failed_rollbacks(failed)) == ["api did not come back."]


def test_a_rollback_that_failed_twice_is_told_once_with_what_was_found_and_only_commands_to_type(record):
    """As a real run leaves it: tried when the trigger fired, and once more at the end."""
    state = ("OTHER is false in /e", "USE_X is false in /e", "api: /health answers 200")
    first = replace(record.rollbacks[0], ok=False, account="no restart", by_hand=("make restart",), state_found=state)
    run = replace(
        record,
        rollbacks=(first, replace(first, reason="the run ended", triggers=())),
        rollback_failure="\n  ".join(["A is half-switched. Found:", *state, "make restart", "recover"]),
        flags={"USE_X": "false"},
        reasons=("ROLLBACK FAILED: A", "TRIGGER: errors: 7 %"),
    )
    assert first_screen.commands(run) == ["make restart", "recover"]
    assert list(first_screen.failed_rollbacks(run)) == ["stage 21_01c: no restart"]
    assert run.tries == (first,)
    assert formatting.flag_words(run) == "Last seen: USE_X is false in /e; api: /health answers 200."
    assert first_screen.causes(run) == ["TRIGGER: errors: 7 %"]
    assert not replace(run, rollbacks=(first, record.rollbacks[0]), rollback_failure="").rollback_failed


def test_who_awaits_a_person_was_not_skipped_and_what_could_not_be_seen_is_named(record):
    waits = replace(record.checks[0], verdict=Verdict.SKIPPED, reason="AWAITING a signature")
    assert formatting.counted([record.checks[0], waits], waits.stage, waits.phase) == "1 passed, 1 awaiting"
    assert formatting.counted([record.checks[0], replace(waits, phase="")], waits.stage, "") == "1 awaiting"
    no_data = [replace(line, state=State.INCONCLUSIVE) for line in record.lines if line.chapter == "trigger"]
    assert covered(no_data[:1], ["trigger"]) == "0 of 1 lines checked, 1 could not be seen (trigger.1)"
    assert covered(no_data, ["trigger"]).endswith("7 could not be seen (trigger.1, trigger.2, trigger.3, …)")


@pytest.mark.parametrize(("code", "known"), [({}, "not known"), ({"before": {"checkout": "a" * 40}}, "a" * 12)])
def test_the_deployed_commit_is_named_or_said_not_to_be_known(record, code, known):
    assert first_screen.deployed(replace(record, facts=replace(record.facts, code=code))) == known


@pytest.mark.parametrize(
    ("outcome", "mode", "counts", "flags", "told"),
    [
        ("GO", "deploy", {}, {}, "go on with the next stage"),
        ("GO", "rehearse", {}, {}, "deploy in the window"),
        ("INCONCLUSIVE", "deploy", {"INCONCLUSIVE": 1, "NOT RUN": 3}, {}, "make visible what could not be seen"),
        ("INCONCLUSIVE", "deploy", {"PASS": 8, "NOT RUN": 3}, {}, "run the whole stage"),
        ("INCONCLUSIVE", "deploy", {"PASS": 8}, {}, "settle what is named"),
        ("INTERRUPTED", "deploy", {}, {}, "start the stage again"),
        ("INTERRUPTED", "deploy", {}, {"USE_X": False}, "see that the flags above"),
        ("NO-GO", "deploy", {}, {}, "do not go on; attach the record"),
        ("NO-GO", "rehearse", {}, {}, "do not go on; find the cause"),
        ("SURVEY", "survey", {"FAIL": 1}, {}, "mend what was found"),
        ("SURVEY", "survey", {"PASS": 1, "INCONCLUSIVE": 1}, {}, "nothing failed; see under Why"),
        ("SURVEY", "survey", {"PASS": 1, "NOT RUN": 3}, {}, "nothing failed that can be asked"),
    ],
)
def test_the_next_step_is_of_this_run(record, outcome, mode, counts, flags, told):
    run = replace(record, outcome=Outcome(outcome), counts=counts, flags=flags, facts=replace(record.facts, mode=mode))
    assert first_screen.next_step(replace(run, rollbacks=())).startswith(told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"target_kind": "lab"}, "a lab proves nothing about your deployment: rehearse on staging"),
        ({"target": {"soak_seconds": 30.0}}, "its soaks were of 30 s only: rehearse once without SOAK_SECONDS"),
    ],
)
def test_a_go_that_proves_nothing_about_production_sends_nobody_into_the_window(record, facts, told):
    run = replace(record, outcome=Outcome.GO, rollbacks=(), flags={})
    assert first_screen.next_step(replace(run, facts=replace(run.facts, mode="rehearse", **facts))).startswith(told)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_next_step(record, outcome):
    assert len(first_screen.next_step(replace(record, outcome=outcome))) > 20


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("FAIL: test_a: expected 201, found 500 of POST /x", ""),
        ("the soak was cut by hand", "the soak was cut by hand"),
    ],
    ids=["told already", "another reason"],
)
def test_why_a_stage_was_rolled_back_is_not_said_twice(record, reason, told):
    known = replace(record, reasons=("Upload: FAIL: test_a: expected 201, found 500 of POST /x",))
    assert first_screen.rolled_back_for(known, replace(record.rollbacks[0], reason=reason, triggers=())) == told


def test_a_cause_that_several_checks_give_is_said_once(record):
    why = "no samples: Prometheus did not answer for 14 of 20 minutes"
    told = ["A: short", "B: short", f"Write errors: {why}", f"Latency: {why}", "alone", f"Checksums: {why}"]
    shown = ["A: short", "B: short", f"Write errors (and 2 more): {why}", "alone"]
    assert first_screen.causes(replace(record, reasons=tuple(told))) == shown


def test_a_cause_that_one_check_tells_of_another_is_said_once(record):
    why = "1 not logged: /logs/butler-worker.log: expected lines of our requests with task_id, found none"
    told = [f"Log: {why}", f"All planned stages deployed without rollback: found 21_01b, rolled back for: FAIL: {why}"]
    assert first_screen.causes(replace(record, reasons=tuple(told))) == told[:1]


def test_what_was_rolled_back_and_what_failed_besides_are_told_apart(record):
    [stage] = record.stages
    after = replace(stage, id="post_deployment", verdict=Verdict.FAIL)
    said = first_screen.sentence(replace(record, stages=(stage, after)))
    assert said == "Do not proceed: stage 21_01c failed and was rolled back; stage post_deployment failed."
