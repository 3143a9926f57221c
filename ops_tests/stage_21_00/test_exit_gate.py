"""Stage 21_00, exit gate."""

from datetime import UTC, datetime

import pytest

from acceptance.baseline.files import FILE, figures, gaps, load, uncounted
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.observe.log_comparison import compare
from acceptance.observe.started import shown_by, starts
from acceptance.preparation.flagcheck import flag_findings, flag_states
from acceptance.target.model import ServiceKey
from acceptance.verdict import Inconclusive
from fixtures.given import EvidenceBox, Logs, OwnRequests, Prometheus, Run, Target

pytestmark = pytest.mark.exit_gate


@pytest.mark.checklist("21_00.exit.1")
def test_all_flags_are_present_and_false(target: Target, evidence: EvidenceBox) -> None:
    """All feature flags present and set to false."""
    evidence.add(Evidence("files", str(target.env_file), flag_states(target)))
    found = flag_findings(target)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.exit.2")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_no_error_spike_in_logs(
    key: ServiceKey,
    served: object,
    target: Target,
    prometheus: Prometheus,
    own_requests: OwnRequests,
    evidence: EvidenceBox,
) -> None:
    """Services running normally: no error spike and no flood of lines in the logs since the service started."""
    service = target.services[key]
    started = starts(service, target, prometheus)
    if not started:
        raise Inconclusive(f"{shown_by(service)} shows no running process of {service.name}")
    moment, now = datetime.fromtimestamp(started[0], UTC), datetime.now(UTC)
    level = compare(Logs.of(service), moment, now, foreign=own_requests.leave_out(service))
    evidence.add(level.evidence())
    found = [*level.increase(), *level.louder()]
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.exit.3")
def test_baseline_is_captured(run: Run, evidence: EvidenceBox) -> None:
    """Baseline metrics captured: the file is there, and holds every service."""
    kept = load(run.folder / FILE)
    evidence.add(Evidence("document", f"{FILE} in the record's folder", figures(kept)))
    found = gaps(kept)
    assert found == [], summary(found)
    if why := uncounted(kept):
        raise Inconclusive(why)
