"""Metrics that the bot has on either path (contract, "Metrics", stage "always")."""

from prometheus_client import Counter, Gauge, Histogram

from lab.service import Settings

MESSAGES = Counter("butler_messages", "Messages answered", ["status"])
ERRORS = Counter("butler_errors", "Messages that failed", ["error_type", "handler"])
DURATION = Histogram("butler_message_duration_seconds", "Time from message to answer")


def export_alert_gauge(settings: Settings) -> None:
    """Export `lab_fault_alert`, which the lab's rule LabFaultAlert watches: 1 while alert-firing is on."""
    Gauge("lab_fault_alert", "1 while the seeded fault alert-firing is on").set_function(
        lambda: float(settings.fault("alert-firing"))
    )
