"""The texts after a run: the checklist's format, and no claim that the record does not bear."""

from __future__ import annotations

from dataclasses import replace

import pytest
import record_samples as samples

from acceptance.record import messages
from acceptance.record.delays import delay_of
from acceptance.record.messages import claims, stages_name
from acceptance.record.publish import load
from acceptance.verdict import Outcome, Verdict


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    return {name: load(make(folder / name)) for name, make in samples.SAMPLES.items() if name != "large"}


def test_the_deployment_log_entry_has_the_checklists_lines(records):
    assert messages.deployment_log(records["go"]) == (
        "## Deployment: 2025-11-29 Stage 21_01c\n\n"
        "- **Date**: 2025-11-29 02:04–02:25 UTC\n"
        "- **Duration**: 21 min (planned: 45 min)\n"
        "- **Outcome**: GO on staging, ticket CHG-2025-11-042\n"
        "- **Issues**: None\n"
        "- **Rollbacks**: None\n"
        "- **Deployed by**: M. Olsen\n"
        "- **Validated by**: K. Adeyemi\n"
    )


def test_a_rollback_and_its_cause_are_in_every_text(records):
    record = records["no_go"]
    email = messages.summary_email(record).get_content()
    for text in (messages.deployment_log(record), messages.ops_post(record), email):
        assert "stage 21_01c, done in 11 s (trigger write_failures" in text


def test_success_is_claimed_only_by_a_go(records):
    for name, record in records.items():
        post, email = messages.ops_post(record), messages.summary_email(record).get_content()
        assert ("Complete" in post) is ("was successfully" in email) is (record.outcome is Outcome.GO), name


def test_what_was_not_checked_is_said_to_be_so(records):
    assert claims(records["go"]) == [
        "All feature flags enabled successfully",
        "No errors detected in monitoring",
        "Smoke tests pass: not checked in this run",
        "User-facing validation successful: not checked in this run",
    ]


def test_a_gate_that_did_not_hold_is_no_good_news(records):
    assert "No errors detected in monitoring: NO" in claims(records["no_go"])
    assert "No errors detected in monitoring: NO" in claims(records["inconclusive"])


def test_a_rehearsal_is_called_one(records):
    record = records["go"]
    rehearsal = replace(record, facts=replace(record.facts, mode="rehearse"))
    assert messages.deployment_log(rehearsal).startswith("## Rehearsal: ")
    assert "rehearsed on" in messages.summary_email(rehearsal).get_content()


def test_a_flag_left_on_is_in_the_email(records):
    assert "USE_NEW_STORAGE_ADAPTER is STILL ON." in messages.summary_email(records["interrupted"]).get_content()


def test_a_partial_failure_tells_what_stands(records):
    email = messages.summary_email(records["whole"], "ops@example.com", ["a@example.com", "b@example.com"])
    assert email["Subject"] == "Epic 21 Stage 21_00, 21_01a-d Deployment Summary: NO-GO"
    assert email["To"] == "a@example.com, b@example.com"
    assert "was only in part\ndeployed" in email.get_content()
    assert "- Repeat in a later window: stage 21_01b\n" in email.get_content()


def test_the_incident_entry_has_what_is_left_to_do(records):
    entry = messages.incident(records["rollback_failed"])
    assert "- **State now**: ROLLBACK FAILED" in entry
    assert "`cd ~/work/infra && make day-12-restart-api`" in entry
    assert messages.incident(records["go"]) == ""


def test_a_run_outside_its_window_says_so(records):
    record = records["go"]
    late = replace(
        record, facts=replace(record.facts, outside_window="vendor on site", finished_at="2025-11-29T07:00:00+00:00")
    )
    assert "outside the maintenance window (vendor on site)" in messages.summary_email(late).get_content()


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (["21_01a", "21_01b", "21_01c", "21_01d"], "Stage 21_01a-d"),
        (["21_01a", "21_01c"], "Stage 21_01a, 21_01c"),
        (["21_00", "21_01b", "21_01c"], "Stage 21_00, 21_01b-c"),
        (["pre_deployment"], "without a stage"),
    ],
)
def test_stages_are_named_as_in_the_checklist(records, ids, name):
    stage = records["go"].stages[0]
    assert stages_name(replace(records["go"], stages=tuple(replace(stage, id=each) for each in ids))) == name


def test_delay_is_told_with_the_next_date_and_only_where_there_is_one(records):
    record = records["go"]
    assert messages.delay(record) == ""
    window = {"start": "2025-11-29T02:00:00+00:00", "end": "2025-11-29T02:20:00+00:00"}
    over = replace(record, facts=replace(record.facts, window=window))
    assert messages.delay(over) == ""  # staging has no window that holds
    target = {"window.day": "5", "window.opens": "02:00:00+00:00"}
    over = replace(over, facts=replace(over.facts, target_kind="production", target=target))
    assert "; the run ended 5 min after it" in messages.delay(over)
    why = "window: it is Sat 05:50, 45 min planned do not fit"
    late = [replace(stage, verdict=Verdict.NOT_RUN, reason=why) for stage in record.stages]
    told = messages.delay(replace(over, stages=tuple(late)))
    assert f"- Stage 21_01c: NOT RUN: {why}" in told
    assert "- Rescheduled: stage 21_01c for Sat 2025-12-06 02:00 UTC" in told
    roomy = replace(over, facts=replace(over.facts, window=window | {"end": "2025-11-29T06:00:00+00:00"}))
    assert messages.delay(roomy) == ""
    slow = replace(roomy, stages=tuple(replace(stage, seconds=3000.0) for stage in record.stages))
    told = messages.delay(slow)
    assert "- Stage 21_01c: took 50 min of 45 min planned, 5 min over\n- The window was enough\n" in told
    assert str(delay_of(slow)) == "stage 21_01c took 5 min longer than planned"
