"""A survey of a broken deployment: ten faults at once, all of them named, worst first, and nothing touched."""

from pathlib import Path

from held_lab import SHORT, broken, retold

from acceptance.finding import Severity
from acceptance.record.checks import findings_of
from acceptance.record.publish import load
from acceptance.target.loading import load_target
from power.stage_run import run_stage
from power.table import seeded

FAULTS = {
    "traversal-student-id": "test_attacks_are_blocked",
    "checksum-not-verified": "test_tampered_archive_is_refused",
    "wrong-checksum-recorded": "test_checksum_is_recorded",
    "dialog-greeting-error-reply": "test_butler_responds",
    "digest-empty": "test_digest_is_sent",
    "channel-info-of-another": "test_channel_info_is_returned",
    "component-unhealthy": "test_smoke[review-components]",
    "hw-checker-down": "test_smoke[homework-list]",
    "loki-500": "test_smoke[loki]",
    "grafana-dashboard-missing": "test_dashboard_is_there",
}
CHOSEN = (
    "attacks_are or tampered or checksum_is_recorded or responds or digest_is or channel_info or smoke or dashboard_is"
)


def test_survey_names_all_ten_faults_worst_first(held_target: Path, tmp_path: Path) -> None:
    env_file = load_target(held_target).env_file
    with seeded(held_target, flags_on=True), broken(held_target, *FAULTS):
        before = env_file.read_bytes()
        survey = ("--mode=survey", f"-k{CHOSEN}")
        ended = run_stage(
            retold(held_target, "quick", **SHORT), tmp_path, *survey, stage="stage_21_01c or post_deployment"
        )
        assert env_file.read_bytes() == before
    assert (ended.code, ended.outcome) == (1, "SURVEY"), ended.explain()
    assert {"flag.changing", "service.restarting", "stage.accepted"} & {event.kind for event in ended.events} == set()
    record = load(ended.folder)
    failed = {check.nodeid.rpartition("::")[2]: check for check in record.checks if check.verdict == "FAIL"}
    for fault, name in FAULTS.items():
        found = [check for each, check in failed.items() if each.startswith(name)]
        assert found, f"{fault}: {name} is not among {sorted(failed)}"
        assert any(reason.startswith(found[0].title.rstrip(".")) for reason in record.reasons), fault
    worst = Severity.CRITICAL
    critical = [check for check in failed.values() if any(each.severity is worst for each in findings_of(check))]
    first = [each for each in record.reasons if any(each.startswith(check.title.rstrip(".")) for check in critical)]
    assert first == list(record.reasons[: len(first)]), record.reasons
    assert any("outside" in each for each in first), first
