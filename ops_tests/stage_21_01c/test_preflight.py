"""Stage 21_01c, pre-flight checks."""

from datetime import UTC, datetime

import pytest

from acceptance.checklist import State
from acceptance.finding import summary
from acceptance.preparation.drills import passed_in_staging
from acceptance.probes.archives.archives import eicar
from acceptance.probes.attacks.access import require_statement
from acceptance.probes.storage.antivirus import Antivirus
from acceptance.probes.storage.directory import as_prepared
from acceptance.stages.readiness import make_sure
from fixtures.given import Ask, EvidenceBox, Run, StageWork, Storage, Target


@pytest.mark.checklist("21_01c.deploy.2", "21_01c.rollout.2")
def test_stage_can_be_switched_and_watched(target: Target, stage_work: StageWork, evidence: EvidenceBox) -> None:
    """Deploy and enable feature flag: the env file can be switched, and what the stage sees by answers."""
    answered = make_sure(target, stage_work.stage, evidence.add)
    assert "PROMETHEUS_URL" in answered


@pytest.mark.checklist("trigger.4")
def test_target_file_says_who_may_call(target: Target) -> None:
    """Security incident (unauthorized access): what the security phase holds the services to is known beforehand."""
    stated = require_statement(target.services, target.other_login)
    assert stated, "expected what the target file says of each service, found no service"


@pytest.mark.checklist("21_01c.preflight.1")
def test_storage_directory_is_prepared(storage: Storage) -> None:
    """Storage directories prepared: owner and mode."""
    found = as_prepared(storage)
    assert found == [], summary(found)


@pytest.mark.signoff
@pytest.mark.checklist("21_01c.preflight.2")
def test_checksum_validation_was_tested_in_staging(signoff: Ask, run: Run) -> None:
    """Checksum validation tested in staging: its last record says so; without one of the last 30 days, a person."""
    staging = passed_in_staging(run.folder.parent, "21_01c.security.1", datetime.now(UTC))
    if staging is None:
        assert signoff("21_01c.preflight.2").name
        return
    folder, began, state = staging
    assert state is State.PASS, f"expected 21_01c.security.1 to pass in staging, found {state} in {folder} of {began}"


@pytest.mark.checklist("21_01c.preflight.3")
def test_antivirus_finds_eicar_if_enabled(target: Target, av_enabled: None) -> None:
    """AV scan hook configured (if enabled): the daemon runs and finds the test virus."""
    assert target.clamd, "expected CLAMD in the target file, since STORAGE_AV_SCAN_ENABLED is on, found none; add it"
    said = Antivirus(target.clamd).scan(eicar())
    assert "FOUND" in said, f"expected the scanner at {target.clamd} to find the EICAR test file, found {said!r}"
