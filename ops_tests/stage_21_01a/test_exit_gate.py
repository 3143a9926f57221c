"""Stage 21_01a, exit gate: accepts the stage, after counting that everything it depends on was verified."""

import pytest

from acceptance.envfile.file import EnvFile
from acceptance.finding import summary
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import FlagState, Flow, Target

pytestmark = pytest.mark.exit_gate


@pytest.mark.checklist("21_01a.exit.1")
def test_flag_is_enabled(flag_on: FlagState, target: Target, flow: Flow) -> None:
    """Feature flag enabled successfully: in the file, by a restart, and seen to have an effect."""
    assert EnvFile(target.env_file).flag(flag_on.flag), (
        f"expected {flag_on.flag}=true in {target.env_file}, found false"
    )
    found = flow.weigh("21_01a.rollout.2")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.exit.2")
def test_no_error_rate_increase(soaked: SoakReport) -> None:
    """No error rate increase (Prometheus)."""
    result = soaked.results["repository-errors"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01a.exit.3")
def test_latency_is_within_slo(soaked: SoakReport) -> None:
    """Latency within SLO (<100ms p95)."""
    result = soaked.results["repository-latency-p95"]
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01a.exit.4")
def test_user_facing_validation_was_successful(flow: Flow) -> None:
    """Manual validation successful."""
    found = flow.weigh("21_01a.monitor.3")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.exit.5")
def test_stage_is_accepted(flag_on: object, flow: Flow) -> None:
    """If any check fails, execute rollback: accepted only when every line was verified."""
    verified = flow.accept("21_01a", besides=["21_01a.exit.5"])
    assert verified, "expected lines of the checklist that were verified, found none"
