"""Pre-deployment, technical preparation."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from acceptance.backup.making import Backup
from acceptance.backup.restoring import backup_findings, restore_findings
from acceptance.baseline.collecting import collect
from acceptance.baseline.files import figures, gaps, save
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.observe.grafana import slo_dashboard
from acceptance.observe.new_path import new_paths_of
from acceptance.observe.panels import job_findings
from acceptance.polling import poll
from acceptance.preparation.codescan import can_scan, vulnerabilities
from acceptance.preparation.flagcheck import flag_findings, new_paths_at_work
from acceptance.preparation.staging import staging_runs
from fixtures.given import Ask, EvidenceBox, Grafana, Prometheus, Run, StageWork, Target


@pytest.mark.checklist("pre.technical.1")
def test_staging_deployment_was_successful(run: Run, target: Target, signoff: Ask, evidence: EvidenceBox) -> None:
    """Staging deployment successful: its records accept every stage and end GO for 48 hours; without any, a person."""
    staging = staging_runs(run.folder.parent, besides=run.folder.name, stages=target.flags)
    if staging is None:
        assert signoff("pre.technical.1").name
        return
    evidence.add(Evidence("text", "records of staging", {"text": f"{staging.runs} runs, the last {staging.last}"}))
    found = staging.findings(datetime.now(UTC))
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.3")
def test_backup_is_whole(backup: Backup, evidence: EvidenceBox) -> None:
    """Backups verified, 1: every file reads back as what was read from its source."""
    evidence.add(Evidence("files", f"backup by {backup.tool}", asdict(backup)))
    found = backup_findings(backup)
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.3")
def test_backup_can_be_restored(backup: Backup, target: Target, run: Run) -> None:
    """Backups verified, 2: restored into a scratch database, every document is there and the same."""
    found = restore_findings(target, backup, run.prefix)
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.4")
def test_feature_flags_are_off(target: Target) -> None:
    """Feature flags verified: all off by default; before stage 21_00 adds them, none of them is there."""
    found = flag_findings(target, may_be_missing=True)
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.4")
def test_services_run_with_the_flags_off(target: Target, prometheus: Prometheus, evidence: EvidenceBox) -> None:
    """Feature flags verified: nothing shows a new path at work, whatever the file says; each stage asks by use."""
    looked_for = ", or ".join(str(path) for path in new_paths_of(target, prometheus))
    evidence.add(Evidence("text", "what would show a new path, mostly once it is used", {"text": looked_for}))
    seen = poll(lambda: new_paths_at_work(target, prometheus), lambda names: not names, target.scrape_patience_s)
    assert not seen, f"running although off in the env file: {seen}; restart the services"


@pytest.mark.checklist("pre.technical.5")
def test_monitoring_baseline_is_captured(
    target: Target, stage_work: StageWork, prometheus: Prometheus, run: Run, evidence: EvidenceBox
) -> None:
    """Monitoring baselines captured, 1: Prometheus' samples of every service."""
    seen = collect(target, prometheus, stage_work.stage.soak_s(target))
    save(seen, run.folder / "baseline_before_window.json")
    evidence.add(Evidence("document", "monitoring baseline", figures(seen)))
    found = gaps(seen)
    assert found == [], summary(found)


@pytest.mark.checklist("pre.technical.5")
def test_dashboard_state_is_saved(target: Target, grafana: Grafana, run: Run, evidence: EvidenceBox) -> None:
    """Monitoring baselines captured, 2: the state of the Grafana dashboard, which shows the bot."""
    found = slo_dashboard(target)
    (run.folder / "dashboard_before_window.json").write_text(json.dumps(found, indent=1))
    evidence.add(Evidence("document", "Grafana dashboard", found))
    assert found["dashboard"]["uid"] == target.grafana.dashboard_uid
    others = job_findings(grafana.dashboard(target.grafana.dashboard_uid, target.scrape_interval_s), target)
    assert others == [], summary(others)


@pytest.mark.checklist("pre.technical.7")
def test_security_scan_is_clean(target: Target, signoff: Ask) -> None:
    """Security scan clean: bandit finds nothing of medium severity or above; else a command or a person says so."""
    if "pre.technical.7" in target.evidence or not can_scan(target.code_dir):
        assert signoff("pre.technical.7").name
        return
    found = vulnerabilities(target.code_dir)
    assert found == [], summary(found)
