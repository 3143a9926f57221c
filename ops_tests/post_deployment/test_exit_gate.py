"""The rollback triggers and the acceptance criteria; what was no part of this run is inconclusive."""

import pytest

from acceptance.events import read_events
from acceptance.verdict import Inconclusive

pytestmark = [pytest.mark.post_deployment, pytest.mark.exit_gate]


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
def test_trigger_was_watched_and_did_not_fire(item, flow, run):
    """Rollback trigger: every stage that was switched looked out for it, and it did not fire."""
    fired = [
        f"{event.data['stage']}, {event.data['trigger']}: {event.data['reason']}"
        for event in read_events(run.events)
        if event.kind == "trigger.fired" and item in event.data["items"]
    ]
    assert fired == [], "; ".join(fired)
    looks = flow.watched(item)
    if not looks or min(looks.values()) == 0:
        raise Inconclusive(f"{item}: expected looks at it in each stage that was switched on here, found {looks}")


@pytest.mark.checklist("acceptance.1")
def test_all_stages_were_deployed_without_rollback(run, target, changed_here):
    """All planned stages deployed without rollback."""
    log = list(read_events(run.events))
    undone = {event.data["stage"]: event.data["reason"] for event in log if event.kind == "rollback.started"}
    assert undone == {}, f"expected no rollback, found {undone}"
    accepted = {event.data["stage"] for event in log if event.kind == "stage.accepted"}
    if unaccepted := [stage for stage in target.flags if stage not in accepted]:
        raise Inconclusive(
            f"not accepted in this run: {', '.join(unaccepted)}; its stages were {changed_here or 'none'}"
        )


@pytest.mark.checklist("acceptance.2")
def test_all_flags_were_enabled(flow, target):
    """All feature flags enabled successfully."""
    found = flow.weigh(*(f"{stage}.rollout.2" for stage in target.flags))
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.3")
def test_no_error_rate_increase(flow):
    """No error rate increase in Prometheus: the stages' gates, and the logs since."""
    found = flow.weigh("21_01a.exit.2", "21_01b.exit.1", "21_01c.exit.1", "21_01d.exit.1", "post.validation.4")
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.4")
def test_latency_is_within_slos(flow):
    """Latency within SLOs."""
    found = flow.weigh("21_01a.exit.3", "21_01b.exit.2", "21_01c.monitor.1", "21_01d.exit.3")
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.3")
@pytest.mark.parametrize("stage", FLAGGED)
def test_accepted_stage_shows_no_errors_since(stage, held):
    """No error rate increase in Prometheus: nor since the stage was accepted, up to now and under requests of ours."""
    found = held(stage, "count", "ratio")
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.4")
@pytest.mark.parametrize("stage", FLAGGED)
def test_accepted_stage_is_within_its_slo_since(stage, held):
    """Latency within SLOs: also since the stage was accepted, and now, under requests of ours."""
    found = held(stage, "quantile")
    assert found == [], "; ".join(found)


@pytest.mark.parametrize(
    "item",
    # New alerts are looked for in the validation (post.validation.2).
    [
        pytest.param(item, id=name, marks=pytest.mark.checklist(item))
        for item, name in TRIGGERS.items()
        if name != "new-alerts"
    ],
)
def test_trigger_did_not_hold_in_an_accepted_stage_since(item, quiet):
    """Rollback trigger: nor did it hold since a stage was accepted, while nobody watched that stage any more."""
    found = quiet(item)
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.5")
def test_security_validations_passed(flow):
    """Security validations pass."""
    found = flow.weigh("21_01c.security.1", "21_01c.security.2", "21_01c.security.3")
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.6")
def test_user_facing_functionality_works(flow):
    """User-facing functionality tested and working: in each stage, and now."""
    found = flow.weigh("21_01a.exit.4", "21_01b.exit.3", "21_01c.rollout.3", "21_01d.exit.4", "post.validation.5")
    assert found == [], "; ".join(found)


@pytest.mark.checklist("acceptance.7")
def test_dashboards_display_data(flow):
    """Monitoring dashboards updated and displaying data."""
    found = flow.weigh("post.validation.3")
    assert found == [], "; ".join(found)


@pytest.mark.signoff
@pytest.mark.checklist("acceptance.8")
def test_stakeholders_were_notified(signoff):
    """Stakeholders notified of completion."""
    assert signoff("acceptance.8").name


@pytest.mark.checklist("acceptance.9")
def test_deployment_log_is_updated(flow):
    """Deployment log updated: its entry was generated."""
    found = flow.weigh("post.documentation.1")
    assert found == [], "; ".join(found)
