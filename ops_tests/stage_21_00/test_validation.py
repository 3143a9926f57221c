"""Stage 21_00: validate no impact."""

from functools import partial

import pytest

from acceptance.baseline.readings import Baseline
from acceptance.baseline.response_times import slower
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.observe.alerting import Alerting, own_alerts
from acceptance.observe.started import starts
from acceptance.observe.steadiness import unsteady
from acceptance.polling import poll
from acceptance.probes.dialog.contexts import context_after
from acceptance.probes.dialog.conversation import converse
from acceptance.probes.dialog.gateway import RECALL
from acceptance.probes.health import PARTS
from acceptance.probes.reviews.over_restart import OverRestart
from acceptance.target.model import ServiceKey
from fixtures.given import Butler, Clients, EvidenceBox, NewId, Prometheus, Reviews, StageWork, Store, Target

from .conftest import Begun, Serve, Served

REVIEW_PATIENCE_S = 90  # three times the SLO: a worker may sleep 60 s before it looks for work


@pytest.fixture
def patience(target: Target) -> float:
    """Seconds that monitoring may take to see a service back."""
    return target.scrape_patience_s


@pytest.mark.checklist("21_00.checklist.5")
def test_no_target_is_down(prometheus: Prometheus, target: Target, patience: float) -> None:
    """Validate no impact: no Prometheus target is down."""
    jobs = [service.job for service in target.services.values()]
    down = poll(lambda: prometheus.down_targets(jobs), lambda targets: not targets, patience)
    assert not down, f"expected every target of Prometheus up, found {'; '.join(down)}"


@pytest.mark.checklist("21_00.checklist.5")
def test_no_alert_fires(
    prometheus: Prometheus, target: Target, patience: float, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Validate no impact: no alert fires that concerns Butler, and one could."""
    found = Alerting.of(target).rule_findings(60 * stage_work.stage.soak_minutes)
    assert found == [], summary(found)
    firing = poll(prometheus.firing_alerts, lambda alerts: not own_alerts(alerts, target), patience)
    evidence.add(
        Evidence("query", "firing alerts", {"promql": 'ALERTS{alertstate="firing"}', "result": sorted(firing)})
    )
    ours = own_alerts(firing, target)
    assert not ours, f"expected no alert on Butler to fire, found {'; '.join(ours)}"


@pytest.mark.checklist("21_00.checklist.5")
def test_grafana_is_well(clients: Clients) -> None:
    """Validate no impact: Grafana reaches its database."""
    found = PARTS["grafana"](clients)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.5")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_users_are_served(key: ServiceKey, served: Served, target: Target) -> None:
    """Validate no impact: each service answers its users as before the restart."""
    probes = served[target.services[key].name]
    faults = [probe.fault for probe in probes if probe.fault]
    assert probes, "expected requests, sent none"
    assert not faults, f"{len(faults)} of {len(probes)} requests failed, first: {faults[0]}"


@pytest.mark.checklist("21_00.checklist.5")
def test_conversation_goes_on(begun: Begun, butler: Butler, mongo: Store, word: str) -> None:
    """Validate no impact: a conversation that was begun before the restart goes on, and what was said is known."""
    [before] = begun.talks
    look = partial(context_after, mongo)
    said = converse(butler, before.turns[0].user_id, [RECALL], before.session_id, look=look)
    of_before = said.turns[0].other_session(before.session_id) if butler.names_sessions else []
    found = [*before.findings(), *said.findings(), *of_before] or said.turns[0].forgot(word)
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.5")
def test_work_is_reviewed(begun: Begun, reviews: Reviews, new_id: NewId, target: Target, evidence: EvidenceBox) -> None:
    """Validate no impact: work that was handed in before the restart is reviewed, and so is work of after it."""
    # Of work that the restart cut off a line of the log may be missing; what is stored counts.
    lost = OverRestart(reviews, (), begun.works).lost(REVIEW_PATIENCE_S)
    before, after = reviews.stored(*begun.works), reviews.submit(new_id("after"), "hw03")
    done = reviews.follow(after, REVIEW_PATIENCE_S, target.http_timeout_s)
    shown = {each.submitted.task_id: each.as_json() for each in (before, done)}
    evidence.add(Evidence("document", "reviews", shown))
    found = [*(before.findings() if lost is None else lost), *done.findings()]
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.5", "trigger.2")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_users_wait_no_longer(
    key: ServiceKey, served: Served, serve: Serve, baseline: Baseline, target: Target
) -> None:
    """Validate no impact: requests take at most twice as long as before the restart."""
    name = target.services[key].name
    before, now = ([probe.seconds for probe in probes] for probes in (baseline.services[name].probes, served[name]))
    found = slower(name, before, now, lambda: [probe.seconds for probe in serve()[name]])
    assert found == [], summary(found)


@pytest.mark.checklist("21_00.checklist.5")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_monitoring_sees_it_steadily(key: ServiceKey, served: object, target: Target, prometheus: Prometheus) -> None:
    """Validate no impact: since the restart scrapes succeed, and counters only grow."""
    service = target.services[key]
    # Where nothing shows a start, from now on: the restart is no trouble of the monitoring.
    oldest = min(starts(service, target, prometheus) or [prometheus.clock()])
    found = unsteady(prometheus, service.job, oldest, target.scrape_interval_s)
    assert found == [], summary(found)
