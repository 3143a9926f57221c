"""Each seeded fault that shows after the deployment turns its own check red: within the hour, and on the day after."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from held_lab import SHORT, broken, held_lab, retold

from acceptance.events import EventLog
from acceptance.kinds import MessageSent
from acceptance.probes.health import PARTS
from acceptance.record.receipts import RECEIPTS
from acceptance.target.loading import load_target
from lab.bot.faults import DIALOG_FAULTS
from lab.standins.faults import PLATFORM_FAULTS
from ops_tests.post_deployment.test_exit_gate import TRIGGERS
from power import test_preparation_faults as preparation
from power.means import CUT_BACKUP, only_backup, stopped
from power.stage_run import StageRun, run_stage
from power.survey import both_tests
from power.table import INCONCLUSIVE, ROLLBACK_FAILED, Power, assert_failed, in_words_of, part_of, pay_restart, seeded

Post = partial(Power, stage="post_deployment", only=("validation",))
Blind = partial(Post, code=INCONCLUSIVE)
Backups = partial(Post, only=("documentation",), k="backups")
KEPT = "test_backups_are_kept_for_seven_days"
IMPATIENT = {"HTTP_TIMEOUT_SECONDS": "3"}

POWER = (
    Post(("component-unhealthy",), ("test_smoke[review-components]",), "LogAnalysisPipeline", survey="a"),
    Post(("hw-checker-down",), ("test_smoke[homework-list]",), "expected 200", survey="a"),
    Post(("loki-500",), ("test_smoke[loki]",), "/loki/api/v1/labels", survey="a"),
    Post(("metrics-gone",), ("test_smoke[prometheus]",), "expected it up", survey="b"),
    Post(
        ("hw-checker-down", "grafana-html"),
        ("test_smoke[bot-health]",),
        "found no answer",
        k="smoke",
        by=stopped(
            "infra:mongo", "infra:alertmanager", "butler:butler-bot", "butler:butler-worker", "butler:butler-api"
        ),
        also=tuple(f"test_smoke[{part}]" for part in PARTS if part not in ("bot-health", "prometheus", "loki")),
    ),
    Post(
        ("metrics-gone",),
        ("test_metrics_are_scraped_without_a_gap[bot]",),
        " not scraped: ",
        also=("test_metrics_are_scraped_without_a_gap[worker]", "test_metrics_are_scraped_without_a_gap[api]"),
        shows='max_over_time(up{job="butler-bot"}[10s]) == 0',
        survey="b",
    ),
    Blind(("alert-firing",), ("test_no_new_alert_fires",), "LabFaultAlert", shows=preparation.ALERT, survey="c"),
    Post(("grafana-html",), ("test_grafana_is_healthy",), "instead of JSON", code=(1, 10), survey="c"),
    Post(("grafana-dashboard-missing",), ("test_dashboard_is_there",), "expected a dashboard with uid", survey="a"),
    Post(("grafana-other-job",), ("test_dashboard_is_there",), "panels of job butler-bot", survey="b"),
    Post(("grafana-gap",), ("test_dashboard_shows_what_there_is",), "found none for", survey="b"),
    Blind(("loki-500",), ("test_services_write_to_loki",), "500", survey="a"),
    Blind(("loki-stream-missing",), ("test_services_write_to_loki",), "['butler-worker']", survey="b"),
    Blind(("loki-late",), ("test_services_write_to_loki",), "['butler-worker'] logged", k="to_loki or homework-list"),
    Post(("loki-error-spike",), ("test_no_error_spike[bot]",), "error lines, ", survey="b"),
    Blind(
        ("loki-500",),
        ("test_no_error_spike[bot]",),
        "500",
        also=("test_no_error_spike[worker]", "test_no_error_spike[api]"),
        survey="a",
    ),
    Post(("dialog-error-reply",), ("test_butler_responds",), "found an error text", survey="a"),
    Post(("review-report-empty",), ("test_review_is_generated",), "report persisted", settings=IMPATIENT, survey="a"),
    Post(("digest-empty",), ("test_digest_is_sent",), "There is nothing new", survey="b"),
    Backups((), (KEPT,), "unreadable file", by=CUT_BACKUP, survey="b"),
    Backups((), (KEPT,), "expected files in", by=only_backup(0), survey="a"),
    Backups(
        (), (KEPT,), "found none of the last 7 days", by=only_backup(8, "manifest.json"), code=INCONCLUSIVE, survey="c"
    ),
    Post(("channel-info-of-another",), ("test_channel_info_is_returned",), "another_one", survey="b"),
)

LATER = ("write-errors", "dialog-slow", "memory-grows", "alert-firing")
"""The day after, seeded together, for there a red check ends nothing: check -> what its reason must say."""
TOLD = {
    "test_metrics_have_not_regressed": "butler-api: errors of review_archive_storage",
    "test_error_rate_is_stable_or_decreased": "butler-api: errors of our own requests",
    "test_latency_is_within_slo": "butler-bot: p95 latency of our own requests",
    "test_resource_usage_is_normal": "butler-bot: memory",
    "test_nothing_unexpected": "LabFaultAlert",
}
GATE = {
    "test_trigger_was_watched_and_did_not_fire[user-facing-broken]": "21_01a, bad-answers",
    "test_all_stages_were_deployed_without_rollback": "expected no rollback, found",
    "test_all_flags_were_enabled": "21_01b.rollout.2: expected PASS, found FAIL",
    "test_no_error_rate_increase": "post.validation.4: expected PASS, found FAIL",
    "test_security_validations_passed": "21_01c.security.1: expected PASS, found FAIL",
    "test_user_facing_functionality_works": "post.validation.5: expected PASS, found FAIL",
    "test_dashboards_display_data": "post.validation.3: expected PASS, found FAIL",
    "test_user_facing_validation": "post.validation.6: expected PASS, found FAIL",
}
"""The exit gate's checks of a run that saw what is bad -> what the reason must say; SEEN below has the faults."""
SEEN = (
    *("dialog-error-reply", "homework-flag-ignored", "checksum-not-verified"),
    *("loki-error-spike", "grafana-html"),
)
PART = (
    "(21_01a and soak) or requests_go_via or tampered-start or error_spike or grafana_is or butler_responds"
    " or user_facing or has_its_entry or was_sent or exit_gate"
)
"""What of the stages and of the hour after is enough for that."""
TEXTS = {
    "test_deployment_log_has_its_entry": "expected rollback of stage 21_01a",
    "test_ops_post_was_sent": "expected Rolled back: stage 21_01a",
    "test_stakeholders_were_notified": "expected Rolled back: stage 21_01a",
    "test_deployment_log_is_updated": "expected rollback of stage 21_01a",
    "test_summary_email_was_sent": "expected Rolled back: stage 21_01a",
}
"""The texts for people, when they keep silent about a rollback -> what the check of each must say."""
TICKET = "CHG-2026-11-042"
ENTRY = f"""## Deployment: {datetime.now(UTC):%Y-%m-%d} Stage 21_01a-c, {TICKET}

- **Date**: {datetime.now(UTC):%Y-%m-%d}
- **Duration**: 2h 30min
- **Issues**: None
- **Rollbacks**: None
- **Deployed by**: R. Rivera
- **Validated by**: K. Adeyemi
"""
WITHOUT_DATA = (
    *(f"test_trigger_was_watched_and_did_not_fire[{name}]" for name in TRIGGERS.values()),
    "test_latency_is_within_slos",
)
"""What a run that saw nothing knows nothing of."""
RED = {f"post_24h::{check}" for check in (*TOLD, "test_summary_email_was_sent")}
RED |= {f"post_deployment::{check}" for check in (*GATE, *TEXTS, *WITHOUT_DATA) if "email" not in check}
RED |= {"post_deployment::test_alerting_rules_are_evaluated"}

LONG = SHORT | {"SOAK_SECONDS": "16"}
"""A baseline of eight windows: with fewer, no rise of a level can be shown."""


@pytest.fixture(scope="module")
def target_file() -> Iterator[Path]:
    """A lab of its own, without another module's alerts and errors."""
    with held_lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def deployed(target_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the records with the baseline of stage 21_00, all flags switched on since."""
    reports = tmp_path_factory.mktemp("deployed")
    part = part_of("21_00", "preflight", k="baseline")
    ended = run_stage(retold(target_file, "quick", **LONG), reports, *part, stage="21_00")
    assert ended.first_red == "nothing", ended.explain()
    with seeded(target_file, flags_on=True):
        yield reports


def test_every_fault_of_the_surroundings_is_tried() -> None:
    elsewhere = {name for power in preparation.POWER for name in power.faults}
    tried = {name for power in POWER for name in power.faults} | elsewhere | set(LATER)
    late = {fault.name for fault in DIALOG_FAULTS if fault.stage == "post_deployment"}
    assert tried >= late | {fault.name for fault in PLATFORM_FAULTS}


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "target_file")


def test_rules_that_are_gone_turn_their_check_red(target_file: Path, tmp_path: Path) -> None:
    rules = target_file.parent / "infra" / "prometheus" / "alert_rules.yml"
    reload, before = f"{load_target(target_file).prometheus_url}/-/reload", rules.read_text()
    try:
        rules.write_text("groups: []\n")
        httpx.post(reload).raise_for_status()
        part = part_of("post_deployment", "validation", k="rules")
        ended = run_stage(retold(target_file, "quick", **SHORT), tmp_path, *part, stage="post_deployment")
    finally:
        rules.write_text(before)
        httpx.post(reload).raise_for_status()
    assert ended.first_red == "test_alerting_rules_are_evaluated", ended.explain()


def test_run_that_saw_what_is_bad_fails_at_its_exit_gate(target_file: Path, tmp_path: Path) -> None:
    (log := tmp_path / "deployment_log.md").write_text(ENTRY)
    for what in ("post", "email"):
        sent = MessageSent(what=what, text="Deployment Complete", ticket=TICKET, target=load_target(target_file).name)
        sent.tell(EventLog(tmp_path / RECEIPTS))
    with broken(target_file, *SEEN):
        ended = run_stage(
            retold(target_file, "quick", **SHORT, DEPLOYMENT_LOG=str(log)),
            tmp_path,
            f"-k{PART}",
            f"--ticket={TICKET}",
            stage="stage_21_01a or stage_21_01b or stage_21_01c or post_deployment or post_24h",
        )
    pay_restart("dialog-error-reply", target_file, tmp_path)
    assert_failed(ended, GATE | TEXTS, ROLLBACK_FAILED)


def test_texts_that_nobody_wrote_or_sent_are_awaited(target_file: Path, tmp_path: Path) -> None:
    """Our own text holds our own facts: only what stands in the file, and what was sent, counts."""
    (log := tmp_path / "deployment_log.md").write_text("# Deployment log\n")
    ended = run_stage(
        retold(target_file, "quick", **SHORT, DEPLOYMENT_LOG=str(log)),
        tmp_path,
        f"-k{' or '.join(TEXTS)}",
        f"--ticket={TICKET}",
        stage="post_deployment or post_24h",
    )
    awaited = {name for name, (_, reason) in ended.judged.items() if reason.startswith("AWAITING")}
    assert (awaited, ended.outcome != "GO") == (set(TEXTS), True), ended.explain()


def test_run_that_saw_nothing_has_no_good_exit_gate(target_file: Path, tmp_path: Path) -> None:
    part = part_of("post_deployment", "exit_gate")
    ended = run_stage(retold(target_file, "quick", **SHORT), tmp_path, *part, stage="post_deployment")
    verdicts = {name: verdict for name, (verdict, _) in ended.judged.items()}
    assert {check: verdicts[check] for check in WITHOUT_DATA} == dict.fromkeys(WITHOUT_DATA, "INCONCLUSIVE"), (
        ended.explain()
    )
    assert ("PASS" in verdicts.values(), ended.code) == (False, *INCONCLUSIVE), ended.explain()


def day_after(target_file: Path, deployed: Path) -> StageRun:
    """Compare the numbers of now with the baseline."""
    return run_stage(retold(target_file, "quick", **LONG), deployed, "-ktest_validation", stage="post_24h")


def test_day_after_without_a_fault_has_no_regression(deployed: Path, target_file: Path) -> None:
    ended = day_after(target_file, deployed)
    assert [name for name, reason in ended.red if "FAIL" in reason] == [], list(ended.red)


def test_faults_turn_their_comparisons_red(deployed: Path, target_file: Path) -> None:
    with broken(target_file, *LATER):
        ended = day_after(target_file, deployed)
    found = dict(ended.red)
    told = {check: in_words_of(load_target(target_file), words) for check, words in TOLD.items()}
    assert {check: words in found.get(check, "") for check, words in told.items()} == dict.fromkeys(TOLD, True), found
    assert (ended.code, ended.outcome) == (1, "NO-GO"), ended.explain()
