"""Stage 21_01c, exit gate: accepts the stage, after counting that everything it depends on was verified."""

import pytest

from acceptance.disk import free_bytes
from acceptance.finding import summary
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import Flow, Storage

pytestmark = pytest.mark.exit_gate


@pytest.mark.checklist("21_01c.exit.1")
def test_no_file_write_errors(soaked: SoakReport) -> None:
    """No file write errors."""
    result = soaked.results["write-errors"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01c.exit.2")
def test_checksum_validation_is_working(flow: Flow) -> None:
    """Checksum validation working."""
    found = flow.weigh("21_01c.security.1")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.exit.3")
def test_security_tests_passed(flow: Flow) -> None:
    """Security tests pass."""
    found = flow.weigh("21_01c.security.1", "21_01c.security.2", "21_01c.security.3")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.exit.4")
def test_disk_usage_is_normal(storage: Storage) -> None:
    """Disk usage normal."""
    free, least = free_bytes(storage.root), storage.min_free_bytes
    assert free > least, f"expected more than {least:,} bytes free at {storage.root}, found {free:,}; make room"


@pytest.mark.checklist("21_01c.exit.5")
def test_stage_is_accepted(flag_on: object, flow: Flow) -> None:
    """If any check fails, execute rollback immediately: accepted only when every line was verified."""
    verified = flow.accept("21_01c", besides=["21_01c.exit.5"])
    assert verified, "expected lines of the checklist that were verified, found none"
