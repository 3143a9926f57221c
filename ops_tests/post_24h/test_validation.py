"""Post-deployment, monitoring review: the numbers of now against those from before the deployment."""

import pytest

from acceptance.finding import summary

from .conftest import Judge


@pytest.mark.checklist("post24.monitoring.1")
def test_metrics_have_not_regressed(judge: Judge) -> None:
    """Review Prometheus metrics (compare to baseline): no significant regression."""
    found = judge("everything")
    assert found == [], summary(found, shown=20)


@pytest.mark.checklist("post24.monitoring.3")
def test_error_rate_is_stable_or_decreased(judge: Judge) -> None:
    """Error rate stable or decreased: of each service's calls, and of our own requests."""
    found = judge("errors")
    assert found == [], summary(found, shown=20)


@pytest.mark.checklist("post24.monitoring.4")
def test_latency_is_within_slo(judge: Judge) -> None:
    """Latency within SLO: not twice what it was."""
    found = judge("latency")
    assert found == [], summary(found, shown=20)


@pytest.mark.checklist("post24.monitoring.5")
def test_resource_usage_is_normal(judge: Judge) -> None:
    """Resource usage (CPU, memory, disk) normal."""
    found = judge("resources")
    assert found == [], summary(found, shown=20)


@pytest.mark.checklist("post24.monitoring.2")
def test_nothing_unexpected(judge: Judge) -> None:
    """Check for anomalies (unexpected patterns): no service is down, no new alert fires, no metric is lost."""
    found = judge("anything else")
    assert found == [], summary(found, shown=20)
