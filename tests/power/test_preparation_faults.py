"""Each seeded fault of pre-deployment and of stage 21_00 turns its own check red; nothing is switched there."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dependencies.disturbed import running
from held_lab import SHORT, held_lab, retold

from acceptance.polling import poll
from acceptance.target.loading import load_target
from power.means import SILENCED, SILENCED_LATER, configured, mongo_locked, stopped
from power.stage_run import StageRun, run_stage
from power.survey import both_tests
from power.table import INCONCLUSIVE, Power, RestartsNothing, assert_failed, part_of

Before = partial(Power, stage="pre_deployment", only=("validation",))
Preflight = partial(Power, stage="21_00", only=("preflight",))
Validation = partial(Power, stage="21_00", only=("validation",))
Night = partial(
    Power, (), ("test_what_the_night_needs_is_there",), stage="pre_deployment", only=("preflight",), k="night"
)
"""What the night needs; wants ``told`` and what breaks the target."""

TO_NOBODY = configured("alerts-to-nobody", r"(alertmanagers:\n.*targets: )\[.*?\]", r"\1['127.0.0.1:9']")
SELDOM = configured("seldom", "evaluation_interval: 1s", "evaluation_interval: 1h")
IMPATIENT = {"HTTP_TIMEOUT_SECONDS": "3"}
ALERT = 'ALERTS{alertname="LabFaultAlert",alertstate="firing"}'
"""In PromQL, as Prometheus sees the fault."""

POWER = (
    Before(
        ("flags-stuck-on",),
        ("test_services_run_with_the_flags_off",),
        "although off",
        k="run_with",
        restarts=True,
        needs="new paths shown before their use",
    ),
    Before(("metrics-gone",), ("test_monitoring_baseline_is_captured",), "found it down", survey="a"),
    Before(
        ("grafana-dashboard-missing",),
        ("test_dashboard_state_is_saved",),
        "found none; check",
        code=INCONCLUSIVE,
        survey="b",
    ),
    Before(("grafana-html",), ("test_dashboard_state_is_saved",), "instead of JSON", code=INCONCLUSIVE, survey="a"),
    Power(
        ("grafana-html",),
        ("test_what_the_night_needs_is_there",),
        "GRAFANA_URL",
        stage="pre_deployment",
        only=("preflight",),
        survey="night",
    ),
    Night(told="nobody listens at", by=TO_NOBODY, survey="night"),
    Preflight((), ("test_infrastructure_answers[alertmanager]",), "nobody listens at", by=TO_NOBODY, survey="night"),
    Night(told="all silent, until", by=SILENCED, survey="night"),
    Night(told="all silent, from", by=SILENCED_LATER, k="night"),  # a run of its own: now is told before later
    Night(told="each 3600 s", by=SELDOM, survey="night"),
    Before(("grafana-other-job",), ("test_dashboard_state_is_saved",), "panels of job butler-bot", survey="c"),
    Preflight(("grafana-html",), ("test_infrastructure_answers[grafana]",), "expected JSON", survey="a"),
    Preflight(("loki-500",), ("test_infrastructure_answers[loki]",), "found 500", survey="a"),
    Preflight(("hw-checker-down",), ("test_infrastructure_answers[hw-checker]",), "found 503", survey="a"),
    Preflight(("disk-gone",), ("test_baseline_is_collected",), "archive could not be stored", survey="b"),
    Preflight(("dialog-error-reply",), ("test_baseline_is_collected",), "found an error text", survey="b"),
    Preflight(
        ("metrics-gone",),
        ("test_baseline_is_collected",),
        "butler-bot",
        code=(1, 10),
        only=("preflight", "exit_gate"),
        k="baseline",
        also=("test_baseline_is_captured",),
    ),
    Preflight(
        (),
        ("test_services_can_be_restarted_and_watched",),
        "PROMETHEUS_URL",
        k="watched or answers",
        by=stopped("infra:alertmanager", "infra:prometheus"),
        also=("test_infrastructure_answers[prometheus]", "test_infrastructure_answers[alertmanager]"),
    ),
    Preflight(
        (),
        ("test_service_is_healthy[bot]",),
        "found no answer",
        k="healthy",
        by=stopped("butler:butler-bot", "butler:butler-worker", "butler:butler-api"),
        also=("test_service_is_healthy[worker]", "test_service_is_healthy[api]"),
    ),
    RestartsNothing(red=("test_all_services_restart",), stage="21_00"),
    Power(
        ("errors-after-restart", "lines-after-restart"),
        ("test_no_error_spike_in_logs[bot]",),
        "error lines, ",
        stage="21_00",
        only=("deploy", "exit_gate"),
        besides=("a second of new kinds",),
        settings={"SOAK_SECONDS": "50"},  # its fifth is the time in which errors are counted
        also=("test_no_error_spike_in_logs[worker]", "test_no_error_spike_in_logs[api]"),
    ),
    Validation(("dialog-ignores-history",), ("test_conversation_goes_on",), "said before, in the answer", survey="c"),
    Validation(
        ("review-report-empty",), ("test_work_is_reviewed",), "report persisted", settings=IMPATIENT, survey="c"
    ),
    Validation(
        ("dialog-error-reply", "hw-checker-down"),
        ("test_users_are_served[bot]",),
        "found an error text",
        also=("test_users_are_served[worker]",),
        survey="b",
    ),
    Power(
        ("late-after-restart",),
        ("test_users_wait_no_longer[bot]",),
        "requests as quick as before",
        stage="21_00",
        only=("preflight", "deploy", "validation"),
        k="baseline or restart or wait",
        also=("test_users_wait_no_longer[worker]", "test_users_wait_no_longer[api]"),
    ),
    Validation(("disk-gone",), ("test_users_are_served[api]",), "expected 201", survey="b"),
    Validation(("grafana-html",), ("test_grafana_is_well",), "expected JSON", survey="a"),
    Validation(("metrics-gone",), ("test_no_target_is_down",), "butler-bot", code=(1, 10), survey="a"),
    Validation((), ("test_no_alert_fires",), "each 3600 s", by=SELDOM, survey="night"),
    Validation(
        ("metrics-of-two-processes", "scrapes-seldom-late"),
        ("test_monitoring_sees_it_steadily[bot]",),
        "to grow for as long as its process runs",
        besides=("that failed since it is up",),
        also=("test_monitoring_sees_it_steadily[worker]", "test_monitoring_sees_it_steadily[api]"),
        restarts=True,  # and no survey: a scrape that fails hides what others ask of Prometheus
    ),
    Validation(("alert-firing",), ("test_no_alert_fires",), "LabFaultAlert", shows=ALERT, survey="b"),
)

FLAGS = (
    ("pre_deployment", "validation", "test_feature_flags_are_off"),
    ("21_00", "preflight", "test_feature_flags_are_in_the_env_file"),
    ("21_00", "exit_gate", "test_all_flags_are_present_and_false"),
)
"""Stage, phase, and the check that must see a flag which is on."""
TOLD = {
    "test_backup_is_whole": "expected whole BSON documents",
    "test_backup_can_be_restored": "the restore ended early",
    "test_change_ticket_is_named": "expected a ticket such as CHG-2025-11-042, found 'a ticket'",
    "test_deployment_window_is_confirmed": "do not fit before 06:00 UTC",
    "test_staging_deployment_was_successful": "the last of 1 staging runs: expected GO, found NO-GO",
    "test_security_scan_is_clean": "B602 HIGH",
}
"""Check of pre-deployment that a test below turns red -> what its reason must say."""
MONGODB = "test_mongodb_keeps_a_document"
RED = {f"{stage}::{check}" for stage, _, check in FLAGS} | {f"pre_deployment::{check}" for check in TOLD}
RED |= {f"21_00::{MONGODB}"}
OWN_SUITES = {
    "21_00": ("EVIDENCE_21_00_checklist_3", "test_butlers_own_infrastructure_suite_passes"),
    "post_deployment": ("EVIDENCE_post_validation_1", "test_butlers_own_smoke_suite_passes"),
}
"""Stage -> the key of the command that runs Butler's own suite, and the check that asks it."""
RED |= {f"{stage}::{check}" for stage, (_, check) in OWN_SUITES.items()}

BANDIT = """\
import json, pathlib, sys
lines = [(str(path), *line) for path in pathlib.Path(sys.argv[2]).rglob("*.py")
         for line in enumerate(path.read_text().splitlines(), 1)]
found = [dict(filename=path, line_number=number, test_id="B602", issue_severity="HIGH", issue_text="shell=True")
         for path, number, line in lines if "shell=True" in line]
print(json.dumps(dict(errors=[], results=found, metrics=dict(_totals=dict(loc=len(lines))))))
"""
"""Stands in for the real one, which not every host has: gives its report on calls of a shell."""


@pytest.fixture(scope="module")
def target_file() -> Iterator[Path]:
    """A lab of its own: what an alert of another module's fault leaves behind would be red here."""
    with held_lab() as lab:
        yield lab


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "target_file")


@pytest.mark.parametrize("stage", dict.fromkeys(stage for stage, *_ in FLAGS))
def test_flag_that_is_on_turns_its_checks_red(stage: str, target_file: Path, tmp_path: Path) -> None:
    env_file, checks = load_target(target_file).env_file, {phase: red for of, phase, red in FLAGS if of == stage}
    before = env_file.read_bytes()
    env_file.write_bytes(before + b"USE_DECOMPOSED_USE_CASE=true\n")
    try:
        part = part_of(stage, *checks, k="flags")
        ended = run_stage(retold(target_file, "quick", **SHORT), tmp_path, *part, stage=stage)
    finally:
        env_file.write_bytes(before)
    assert_failed(ended, dict.fromkeys(checks.values(), "USE_DECOMPOSED_USE_CASE: expected false, found true"))


def test_mongodb_that_keeps_nothing(target_file: Path, tmp_path: Path) -> None:
    def judged() -> bool:
        return any(b'"check.finished"' in log.read_bytes() for log in tmp_path.glob("*/events.jsonl"))

    quick = retold(target_file, "quick", **SHORT, HTTP_TIMEOUT_SECONDS="2")
    with running(quick, tmp_path, *part_of("21_00", "preflight", k="mongodb")) as run:
        # Not for longer: the run would have to leave its test data behind.
        with mongo_locked(target_file):
            assert poll(judged, bool, 60), run.output
        ended = run.finish()
    assert "expected to write and read a document in 2 s" in ended.failed.get(MONGODB, ""), ended.explain()


@pytest.mark.parametrize("stage", OWN_SUITES)
def test_butlers_own_suite_that_fails(stage: str, target_file: Path, tmp_path: Path) -> None:
    key, check = OWN_SUITES[stage]
    failing = {key: "\"bash -c 'echo 1 failed, 11 passed in 3.2s; exit 1'\""}
    ended = run_stage(retold(target_file, "quick", **SHORT, **failing), tmp_path, f"-k{check}", stage=stage)
    assert_failed(ended, {check: "1 failed, 11 passed"})


def before(target_file: Path, reports: Path, k: str, *args: str, **environment: str) -> StageRun:
    """Run some checks of pre-deployment."""
    return run_stage(target_file, reports, f"-k{k}", *args, stage="pre_deployment", **environment)


def told(*checks: str) -> dict[str, str]:
    """Give what these checks must say."""
    return {check: TOLD[check] for check in checks}


def test_backup_that_is_not_what_was_written(target_file: Path, tmp_path: Path) -> None:
    ended = before(retold(target_file, "quick", **SHORT), tmp_path, "backup", "-ptests.power.broken.backup")
    assert_failed(ended, told("test_backup_is_whole", "test_backup_can_be_restored"))


def test_bad_ticket_and_staging_that_ended_with_it(target_file: Path, tmp_path: Path) -> None:
    staging = retold(target_file, "staging", **SHORT, TARGET_NAME="staging")
    assert_failed(before(staging, tmp_path, "ticket", "--ticket=a ticket"), told("test_change_ticket_is_named"))
    ended = before(retold(target_file, "quick", **SHORT), tmp_path, "staging")
    assert_failed(ended, told("test_staging_deployment_was_successful"))


def test_window_that_is_nearly_over(target_file: Path, tmp_path: Path) -> None:
    lines = target_file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("TARGET_KIND", "SOAK_SECONDS"))]
    production = target_file.with_name("production.env")
    production.write_text("\n".join([*kept, "TARGET_KIND=production", ""]))
    ended = before(production, tmp_path, "window_is", "-ptests.power.broken.clock")
    assert_failed(ended, told("test_deployment_window_is_confirmed"))


def test_code_that_calls_a_shell(target_file: Path, tmp_path: Path) -> None:
    bandit, code = tmp_path / "bin" / "bandit", tmp_path / "code" / "main.py"
    for path in (bandit, code):
        path.parent.mkdir()
    code.write_text("import subprocess, sys\nsubprocess.run(sys.argv[1], shell=True)\n")
    bandit.write_text(f"#!{sys.executable}\n{BANDIT}")
    bandit.chmod(0o755)
    quick = retold(target_file, "quick", **SHORT, CODE_DIR=str(code.parent))
    ended = before(quick, tmp_path / "reports", "scan", PATH=f"{bandit.parent}:{os.environ['PATH']}")
    assert_failed(ended, told("test_security_scan_is_clean"))
