"""Metrics that the bot has on either path (contract, "Metrics", stage "always")."""

from prometheus_client import Counter, Gauge, Histogram

from lab.service import Settings

MESSAGES = Counter("butler_messages", "Messages answered", ["status"])
ERRORS = Counter("butler_errors", "Messages that failed", ["error_type", "handler"])
DURATION = Histogram("butler_message_duration_seconds", "Time from message to answer")


BALLAST_BYTES = 400 << 20  # over the 384 MiB that a small service may come to use (acceptance/baseline)


def export_fault_gauges(settings: Settings) -> None:
    """Export what seeded faults do at each scrape.

    `lab_fault_alert` is 1 while alert-firing is on: the lab's rule LabFaultAlert watches it.
    `lab_fault_memory_bytes` is what memory-grows holds.
    """
    held = b""

    def memory() -> float:
        nonlocal held
        if settings.fault("memory-grows") != bool(held):
            held = b"" if held else b"x" * BALLAST_BYTES
        return float(len(held))

    Gauge("lab_fault_alert", "1 while the seeded fault alert-firing is on").set_function(
        lambda: float(settings.fault("alert-firing"))
    )
    Gauge("lab_fault_memory_bytes", "Memory held by the seeded fault memory-grows").set_function(memory)
