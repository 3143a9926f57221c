"""Post-deployment, validation."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.observe.alerting import Alerting
from acceptance.observe.evidence_command import own_suite
from acceptance.observe.grafana import Dashboard
from acceptance.observe.loki import compare_in_loki, late_in_loki
from acceptance.observe.panels import job_findings, look_at, scrape_gaps
from acceptance.polling import poll
from acceptance.probes.dialog.gateway import of_channel
from acceptance.probes.health import PARTS
from acceptance.record.deployment import Spell
from acceptance.target.model import ServiceKey
from acceptance.target.parts import RULES
from acceptance.verdict import Inconclusive, Verdict
from fixtures.given import (
    Clients,
    Deployment,
    EvidenceBox,
    Grafana,
    Loki,
    NewId,
    OwnRequests,
    Prometheus,
    Reviews,
    Run,
    StageWork,
    Target,
)

from .conftest import AskButler, Weigh

LOKI_PATIENCE_S = 30
REVIEW_PATIENCE_S = 90  # three times the SLO: a slow review must be told from one that is lost


@pytest.mark.smoke
@pytest.mark.checklist("post.validation.1")
@pytest.mark.parametrize("part", PARTS)
def test_smoke(part: str, clients: Clients) -> None:
    """Run full smoke test suite: the part answers, and with something that it only knows if it works."""
    found = PARTS[part](clients)
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.1")
def test_butlers_own_smoke_suite_passes(target: Target, evidence: EvidenceBox) -> None:
    """Run full smoke test suite: Butler's own too, where the target file has a command for it."""
    said = own_suite(target, "post.validation.1")
    evidence.add(said.evidence())
    found = said.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.2")
def test_alerting_rules_are_evaluated(target: Target, stage_work: StageWork) -> None:
    """Check Prometheus alerts: there are rules, and each can be evaluated; else that none fires says nothing."""
    found = Alerting.of(target).rule_findings(60 * stage_work.stage.soak_minutes)
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.2")
def test_no_new_alert_fires(
    prometheus: Prometheus,
    deployment: Deployment,
    deployed: list[str],
    provoked: set[str],
    stage_work: StageWork,
    target: Target,
    evidence: EvidenceBox,
) -> None:
    """Check Prometheus alerts (no new firing alerts): none but those that fired when the deployment began."""
    target.having(RULES)
    before = prometheus.firing_alerts(at=datetime.fromisoformat(deployment.began).timestamp())
    firing = poll(
        prometheus.firing_alerts,
        lambda alerts: not {alert.partition("{")[0] for alert in alerts - before} & provoked,
        60 * stage_work.stage.soak_minutes,
        every=1,
    )
    evidence.add(Evidence("query", "firing alerts", {"before": sorted(before), "now": sorted(firing)}))
    new = sorted(firing - before)
    assert new == [], f"expected no alert that did not fire when the deployment began, found {'; '.join(new)}"
    if firing and not deployed:
        raise Inconclusive(
            f"no stage was part of {deployment.extent}, so nobody knows whether these are new: {sorted(firing)}"
        )


@pytest.mark.checklist("post.validation.3")
def test_grafana_is_healthy(grafana: Grafana) -> None:
    """Verify Grafana dashboards: Grafana answers, and its database is ok."""
    found = grafana.health_findings()
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.3")
def test_dashboard_is_there(dashboard: Dashboard | None, grafana: Grafana, target: Target) -> None:
    """Verify Grafana dashboards: the SLO dashboard is there, with panels of the bot."""
    uid = target.grafana.dashboard_uid
    assert dashboard, f"expected a dashboard with uid {uid}, found {grafana.titles()}"
    assert dashboard.queries, f"expected panels with queries on {dashboard.title!r}, found none"
    others = job_findings(dashboard, target)
    assert others == [], summary(others)


@pytest.mark.checklist("post.validation.3")
def test_dashboard_shows_what_there_is(
    dashboard: Dashboard | None,
    grafana: Grafana,
    prometheus: Prometheus,
    target: Target,
    last_minutes: tuple[float, float],
    evidence: EvidenceBox,
) -> None:
    """Verify Grafana dashboards (data flowing, no gaps): each panel shows all that Prometheus holds."""
    assert dashboard, f"expected a dashboard with uid {target.grafana.dashboard_uid}, found none"
    step = target.scrape_interval_s
    panels = look_at(dashboard, grafana, prometheus.literal, *last_minutes, step)
    evidence.add(Evidence("document", dashboard.title, {"panels": [panel.as_json() for panel in panels]}))
    found = [fault for panel in panels for fault in panel.findings(step)]
    assert found == [], summary(found)
    assert any(panel.shown for panel in panels), f"expected data on {dashboard.title!r}, found none on any panel"


@pytest.mark.checklist("post.validation.3")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_metrics_are_scraped_without_a_gap(
    key: ServiceKey,
    target: Target,
    prometheus: Prometheus,
    last_minutes: tuple[float, float],
    our_restarts: dict[str, list[Spell]],
) -> None:
    """Verify metrics updated in last 5 minutes: no gap in what Prometheus itself holds, but while we restarted."""
    step = target.scrape_interval_s
    found = scrape_gaps(prometheus, target.services[key].job, *last_minutes, step, our_restarts[key])
    assert found == [], summary(found)


@pytest.fixture(scope="module")
def since(run: Run, stage_work: StageWork) -> float:
    """Seconds to look back in the logs: to the start of the run, five minutes at least."""
    return max(time.time() - run.started.timestamp(), 60 * stage_work.stage.soak_minutes)


@pytest.mark.checklist("post.validation.4")
def test_services_write_to_loki(loki: Loki, target: Target, since: float, run: Run) -> None:
    """Check Loki logs: it has those of every service, else an empty answer says nothing."""
    names = {service.name for service in target.services.values()}
    present = loki.label_values(loki.label, time.time() - since, time.time())
    if missing := sorted(names - present):
        raise Inconclusive(
            f"expected logs of {missing} under the label {loki.label}, found those of {sorted(present)}; see LOKI_LABEL"
        )
    if late := late_in_loki(loki, target.services.values(), run.started, LOKI_PATIENCE_S):
        raise Inconclusive(
            f"expected what {late} logged since {run.started:%H:%M:%S} UTC in Loki within {LOKI_PATIENCE_S} s, found "
            "nothing of it, or not the newest warning or error: what it does not hold yet is not judged; see what "
            "ships the logs"
        )
    assert names <= present


@pytest.mark.checklist("post.validation.4")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_no_error_spike(
    key: ServiceKey,
    loki: Loki,
    target: Target,
    stage_work: StageWork,
    since: float,
    own_requests: OwnRequests,
    evidence: EvidenceBox,
) -> None:
    """Check Loki logs (no error spikes): low count, on the level of the time before the run."""
    increase, few = stage_work.stage.gate("error-increase"), stage_work.stage.gate("few-errors")
    now = datetime.now(UTC)
    service, change = target.services[key], now - timedelta(seconds=since)
    level = compare_in_loki(loki, service, change, now, own_requests.leave_out(service))
    evidence.add(level.evidence())
    result = level.judged(increase, few)
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("post.validation.6")
def test_butler_responds(ask: AskButler) -> None:
    """Send message to Butler bot → Response received: an answer, and no error text."""
    found = ask("Hello").findings()
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.7")
def test_review_is_generated(reviews: Reviews, new_id: NewId, target: Target, evidence: EvidenceBox) -> None:
    """Upload homework submission → Review generated: its report is stored and published."""
    submitted = reviews.submit(new_id("user"), "hw04")
    review = reviews.follow(submitted, patience_s=REVIEW_PATIENCE_S, settle_s=target.http_timeout_s)
    evidence.add(Evidence("http", "submission", submitted.as_json()))
    evidence.add(Evidence("document", f"review {submitted.task_id}", review.as_json()))
    found = review.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.8")
def test_digest_is_sent(ask: AskButler, target: Target) -> None:
    """Check digest delivery → Digest sent: that of the channel that was asked for came to the user."""
    turn = ask(f"Please send me the digest of channel {target.known.channel}", target.known.channel)
    found = turn.findings() or of_channel(turn, target.known.channel, {"digest", "data"})
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.9")
def test_channel_info_is_returned(ask: AskButler, target: Target) -> None:
    """Query channel info → Data returned: of the channel that was asked for."""
    turn = ask(f"Show me channel info of {target.known.channel}", target.known.channel)
    found = turn.findings() or of_channel(turn, target.known.channel, {"channel_info", "data"})
    assert found == [], summary(found)


@pytest.mark.checklist("post.validation.5")
def test_user_facing_validation(weigh: Weigh) -> None:
    """User-facing validation (manual tests): all of its steps were good, over the services' own addresses."""
    found = weigh(*(f"post.validation.{number}" for number in (6, 7, 8, 9)))
    assert found == [], summary(found)
