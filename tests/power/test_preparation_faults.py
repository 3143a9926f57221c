"""Each seeded fault of pre-deployment and of stage 21_00 turns its own check red; nothing is switched there."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from held_lab import SHORT, held_lab, retold

from acceptance.target.model import load_target
from power.stage_run import run_stage
from power.table import INCONCLUSIVE, ROLLBACK_FAILED, Power, assert_noticed, part_of

Before = partial(Power, stage="pre_deployment", only=("validation",))
Preflight = partial(Power, stage="21_00", only=("preflight",))
Deploy = partial(Power, stage="21_00", only=("deploy",))
Validation = partial(Power, stage="21_00", only=("validation",))

#: In PromQL, as Prometheus sees the fault.
ALERT = 'ALERTS{alertname="LabFaultAlert",alertstate="firing"}'

POWER = (
    Before(
        ("flags-stuck-on",),
        ("test_services_run_with_the_flags_off",),
        "running although off",
        k="run_with",
        restarts=True,
    ),
    Before(("metrics-gone",), ("test_monitoring_baseline_is_captured",), "found it down", k="baseline"),
    Before(("grafana-dashboard-missing",), ("test_dashboard_state_is_saved",), "404", code=INCONCLUSIVE),
    Before(("grafana-html",), ("test_dashboard_state_is_saved",), "expected the dashboard's JSON", code=INCONCLUSIVE),
    Preflight(("grafana-html",), ("test_infrastructure_answers[grafana]",), "expected JSON", k="answers"),
    Preflight(("loki-500",), ("test_infrastructure_answers[loki]",), "found 500", k="answers"),
    Preflight(("hw-checker-down",), ("test_infrastructure_answers[hw-checker]",), "found 503", k="answers"),
    Preflight(("disk-gone",), ("test_baseline_is_collected",), "own requests failed", k="baseline"),
    Preflight(("dialog-error-reply",), ("test_baseline_is_collected",), "found an error text", k="baseline"),
    Preflight(("metrics-gone",), ("test_baseline_is_collected",), "butler-bot", code=(1, 10), k="baseline"),
    Deploy(
        ("restart-does-nothing",),
        ("test_all_services_restart",),
        "newer than",
        code=(ROLLBACK_FAILED,),
        settings={"RESTART_TIMEOUT_SECONDS": "2"},
    ),
    Power(
        ("errors-after-restart",),
        ("test_no_error_spike_in_logs[bot]",),
        "a spike from",
        stage="21_00",
        only=("deploy", "exit_gate"),
    ),
    Validation(("dialog-error-reply",), ("test_users_are_served[bot]",), "found an error text"),
    Validation(("disk-gone",), ("test_users_are_served[api]",), "expected 201"),
    Validation(("grafana-html",), ("test_grafana_is_well",), "expected JSON", k="grafana"),
    Validation(("metrics-gone",), ("test_no_target_is_down",), "butler-bot", code=(1, 10), k="down"),
    Validation(("alert-firing",), ("test_no_alert_fires",), "LabFaultAlert", k="alert", shows=ALERT),
)


@pytest.fixture(scope="module")
def target_file() -> Iterator[Path]:
    """A lab of its own: what an alert of another module's fault leaves behind would be red here."""
    with held_lab() as lab:
        yield lab


@pytest.mark.parametrize("power", POWER, ids=str)
def test_fault_turns_its_check_red(power: Power, target_file: Path, tmp_path: Path) -> None:
    assert_noticed(power, target_file, tmp_path)


@pytest.mark.parametrize(
    ("stage", "phase", "red"),
    [
        ("pre_deployment", "validation", "test_feature_flags_are_off"),
        ("21_00", "preflight", "test_feature_flags_are_in_the_env_file"),
        ("21_00", "exit_gate", "test_all_flags_are_present_and_false"),
    ],
)
def test_flag_that_is_on_turns_its_check_red(
    stage: str, phase: str, red: str, target_file: Path, tmp_path: Path
) -> None:
    env_file = load_target(target_file).env_file
    before = env_file.read_bytes()
    env_file.write_bytes(before + b"USE_DECOMPOSED_USE_CASE=true\n")
    try:
        part = part_of(stage, phase, k="flags")
        ended = run_stage(retold(target_file, "quick", **SHORT), tmp_path, *part, stage=stage)
    finally:
        env_file.write_bytes(before)
    assert (ended.first_red, "USE_DECOMPOSED_USE_CASE is true" in ended.reason) == (red, True), ended.explain()
