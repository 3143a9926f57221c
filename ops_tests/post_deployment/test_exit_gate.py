"""The rollback triggers and the acceptance criteria; what was no part of the deployment is inconclusive.

An earlier run is part of it by its ticket, see `acceptance.record.earlier_runs`.
"""

import pytest

from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence
from acceptance.finding import Finding, summary
from acceptance.kinds import StageAccepted, TriggerFired
from acceptance.stages.recheck import Recheck
from acceptance.verdict import Inconclusive
from fixtures.given import Ask, Delivered, Deployment, EvidenceBox, Target

from .conftest import RecheckedGates, RecheckedTriggers, Weigh

pytestmark = pytest.mark.exit_gate


TRIGGERS = {
    "trigger.1": "error-rate",
    "trigger.2": "latency",
    "trigger.3": "data-corruption",
    "trigger.4": "security-incident",
    "trigger.5": "service-does-not-restart",
    "trigger.6": "user-facing-broken",
    "trigger.7": "new-alerts",
}
FLAGGED = ("21_01a", "21_01b", "21_01c", "21_01d")


@pytest.mark.parametrize(
    "item", [pytest.param(item, id=name, marks=pytest.mark.checklist(item)) for item, name in TRIGGERS.items()]
)
def test_trigger_was_watched_and_did_not_fire(
    item: str, deployment: Deployment, recheck: Recheck, deployed: list[str]
) -> None:
    """Rollback trigger: every stage that was switched looked out for it, and it did not fire."""
    fired = [
        f"{stage}, {fired.trigger}: {fired.reason}"
        for stage in deployed
        for fired in deployment.about(stage, TriggerFired)
        if item in fired.items
    ]
    assert fired == [], f"expected no trigger of {item} to fire, found {'; '.join(fired)}"
    watched = recheck.with_trigger(item)
    evaluations = {stage: number for stage in watched if (number := deployment.evaluations(stage)) is not None}
    if not evaluations or min(evaluations.values()) == 0:
        raise Inconclusive(
            f"{item}: expected evaluations of it in each stage switched on in {deployment.extent}, found {evaluations}"
        )


@pytest.mark.checklist("acceptance.1")
def test_all_stages_were_deployed_without_rollback(
    deployment: Deployment, target: Target, evidence: EvidenceBox
) -> None:
    """All planned stages deployed without rollback."""
    evidence.add(Evidence("document", "the deployment", {"runs": deployment.extent, "not read": deployment.unread}))
    undone = {begun.stage: begun.reason for begun in deployment.rollbacks()}
    told = "; ".join(f"{stage}, rolled back for: {reason}" for stage, reason in undone.items())
    assert undone == {}, f"expected no rollback, found {told}"
    if deployment.unread:
        raise Inconclusive(f"whether there was a rollback is not known: {'; '.join(deployment.unread)}")
    if unaccepted := [stage for stage in target.flags if not deployment.about(stage, StageAccepted)]:
        raise Inconclusive(f"not accepted: {', '.join(unaccepted)}, in {deployment.extent}")


@pytest.mark.checklist("acceptance.2")
def test_all_flags_were_enabled(weigh: Weigh, target: Target, recheck: Recheck, deployed: list[str]) -> None:
    """All feature flags enabled successfully: and what was left enabled is on still, and has an effect still."""
    left = [stage for stage in deployed if recheck.left_enabled(stage).since]
    env = EnvFile(target.env_file)
    off = [
        Finding("flag off", f"{stage}, accepted", f"{target.flags[stage]} on", "it off")
        for stage in left
        if not env.flag(target.flags[stage])
    ]
    found = off or recheck.without_effect(left) or weigh(*(f"{stage}.rollout.2" for stage in target.flags))
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.3")
def test_no_error_rate_increase(weigh: Weigh) -> None:
    """No error rate increase in Prometheus: the stages' gates, and the logs since."""
    found = weigh("21_01a.exit.2", "21_01b.exit.1", "21_01c.exit.1", "21_01d.exit.1", "post.validation.4")
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.4")
def test_latency_is_within_slos(weigh: Weigh) -> None:
    """Latency within SLOs."""
    found = weigh("21_01a.exit.3", "21_01b.exit.2", "21_01c.monitor.1", "21_01d.exit.3")
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.3")
@pytest.mark.parametrize("stage", FLAGGED)
def test_accepted_stage_shows_no_errors_since(stage: str, rechecked_gates: RecheckedGates) -> None:
    """No error rate increase in Prometheus: nor since the stage was accepted, up to now and under requests of ours."""
    found = rechecked_gates(stage, "count", "ratio")
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.4")
@pytest.mark.parametrize("stage", FLAGGED)
def test_accepted_stage_is_within_its_slo_since(stage: str, rechecked_gates: RecheckedGates) -> None:
    """Latency within SLOs: also since the stage was accepted, and now, under requests of ours."""
    found = rechecked_gates(stage, "quantile")
    assert found == [], summary(found)


@pytest.mark.parametrize(
    "item",
    # New alerts are looked for in the validation (post.validation.2).
    [
        pytest.param(item, id=name, marks=pytest.mark.checklist(item))
        for item, name in TRIGGERS.items()
        if name != "new-alerts"
    ],
)
def test_trigger_did_not_hold_in_an_accepted_stage_since(item: str, rechecked_triggers: RecheckedTriggers) -> None:
    """Rollback trigger: nor did it hold since a stage was accepted, while nobody watched that stage any more."""
    found = rechecked_triggers(item)
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.5")
def test_security_validations_passed(weigh: Weigh) -> None:
    """Security validations pass."""
    found = weigh("21_01c.security.1", "21_01c.security.2", "21_01c.security.3")
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.6")
def test_user_facing_functionality_works(weigh: Weigh) -> None:
    """User-facing functionality tested and working: in each stage, and now."""
    found = weigh("21_01a.exit.4", "21_01b.exit.3", "21_01c.rollout.3", "21_01d.exit.4", "post.validation.5")
    assert found == [], summary(found)


@pytest.mark.checklist("acceptance.7")
def test_dashboards_display_data(weigh: Weigh) -> None:
    """Monitoring dashboards updated and displaying data."""
    found = weigh("post.validation.3")
    assert found == [], summary(found)


@pytest.mark.signoff
@pytest.mark.checklist("acceptance.8")
def test_stakeholders_were_notified(delivered: Delivered, signoff: Ask) -> None:
    """Stakeholders notified of completion: post and e-mail were delivered; else somebody says so."""
    post, email = delivered("post"), delivered("email")
    if post is None or email is None:
        assert signoff("acceptance.8").name
        return
    found = [*post, *email]
    assert found == [], summary(found, shown=10)


@pytest.mark.checklist("acceptance.9")
def test_deployment_log_is_updated(logged: list[Finding] | None, signoff: Ask) -> None:
    """Deployment log updated: the file holds the entry of this deployment."""
    if logged is None:
        assert signoff("acceptance.9").name
        return
    assert logged == [], summary(logged)
