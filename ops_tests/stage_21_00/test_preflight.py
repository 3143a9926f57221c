"""Stage 21_00: flags, test infrastructure, baseline."""

import pytest

from acceptance.baseline.files import figures, gaps, uncounted
from acceptance.baseline.readings import Baseline
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.observe.evidence_command import own_suite
from acceptance.preparation.flagcheck import flag_findings, flag_states
from acceptance.probes.health import INFRASTRUCTURE, PARTS, mongo_findings
from acceptance.stages.readiness import make_sure
from acceptance.target.model import ServiceKey
from acceptance.verdict import Inconclusive
from fixtures.given import AddFlags, Clients, EvidenceBox, NewId, StageWork, Target


@pytest.mark.checklist("21_00.checklist.3", "21_00.checklist.4")
def test_services_can_be_restarted_and_watched(target: Target, stage_work: StageWork, evidence: EvidenceBox) -> None:
    """Test infrastructure validated: by what a restart is proved is seen to answer, before the env file is touched."""
    answered = make_sure(target, stage_work.stage, evidence.add)
    assert "PROMETHEUS_URL" in answered


@pytest.mark.checklist("21_00.checklist.1")
@pytest.mark.usefixtures("ready")
def test_feature_flags_are_in_the_env_file(add_flags: AddFlags, target: Target, evidence: EvidenceBox) -> None:
    """Feature flag configuration added to .env.infra: what is missing is added as false, what is there stays."""
    added = add_flags()
    evidence.add(Evidence("files", f"{target.env_file}: added {', '.join(added) or 'nothing'}", flag_states(target)))
    found = flag_findings(target)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.3")
@pytest.mark.parametrize("part", INFRASTRUCTURE)
def test_infrastructure_answers(part: str, clients: Clients) -> None:
    """Test infrastructure validated: the parts that Butler stands on."""
    found = PARTS[part](clients)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.3")
@pytest.mark.usefixtures("ready")
def test_mongodb_keeps_a_document(target: Target, new_id: NewId) -> None:
    """Test infrastructure validated: MongoDB takes a document and gives it back."""
    found = mongo_findings(target, new_id("probe"))
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.3")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_service_is_healthy(key: ServiceKey, clients: Clients) -> None:
    """Test infrastructure validated: each service says that it is well."""
    found = PARTS[f"{key}-health"](clients)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.3")
def test_butlers_own_infrastructure_suite_passes(target: Target, evidence: EvidenceBox) -> None:
    """Test infrastructure validated: by Butler's own suite too, where the target file has a command for it."""
    said = own_suite(target, "21_00.checklist.3")
    evidence.add(said.evidence())
    found = said.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.2")
def test_baseline_is_collected(baseline: Baseline, evidence: EvidenceBox) -> None:
    """Baseline metrics collected: under traffic, and nothing failed."""
    evidence.add(Evidence("document", "baseline", figures(baseline)))
    found = gaps(baseline)
    assert found == [], summary(found)
    if why := uncounted(baseline):
        raise Inconclusive(why)
