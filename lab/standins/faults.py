"""Faults of what surrounds the services: dashboards, logs, alerts (checklist, "Post-Deployment")."""

from lab.faults import Fault

PLATFORM_FAULTS = (
    Fault(
        "grafana-gap",
        "post_deployment",
        "Grafana has no data of the last five minutes",
        ("post.validation.3", "acceptance.7"),
    ),
    Fault(
        "grafana-html",
        "post_deployment",
        "Grafana answers every call with 200 and a login page",
        ("21_00.checklist.5", "post.validation.3", "pre.technical.5", "21_00.checklist.3", "post.validation.1"),
    ),
    Fault(
        "grafana-dashboard-missing",
        "post_deployment",
        "Grafana does not have the SLO dashboard",
        ("post.validation.3", "acceptance.7", "pre.technical.5"),
    ),
    Fault(
        "grafana-other-job",
        "post_deployment",
        "every panel of the SLO dashboard asks for the worker",
        ("post.validation.3", "pre.technical.5"),
    ),
    Fault(
        "loki-500",
        "post_deployment",
        "Loki answers every query with 500",
        ("post.validation.4", "21_00.checklist.3", "post.validation.1"),
    ),
    Fault(
        "loki-error-spike",
        "post_deployment",
        "Loki has 200 ERROR lines of the bot in the last minute",
        ("post.validation.4",),
    ),
    Fault(
        "alert-firing",
        "post_deployment",
        "the bot's gauge lab_fault_alert is 1, so the alert LabFaultAlert fires",
        ("post.validation.2", "trigger.7", "21_00.checklist.5", "post24.monitoring.2"),
    ),
    Fault("loki-stream-missing", "post_deployment", "Loki has no logs of butler-worker", ("post.validation.4",)),
    Fault(
        "loki-late",
        "post_deployment",
        "of what butler-worker logs from now on Loki has nothing",
        ("post.validation.4",),
    ),
    Fault(
        "metrics-gone",
        "21_00",
        "every service answers 503 to /metrics, and serves its users",
        (
            "21_00.checklist.2",
            "21_00.checklist.5",
            "pre.technical.5",
            "post.validation.3",
            "post.validation.1",
            "post24.monitoring.2",
        ),
    ),
    Fault(
        "metrics-of-two-processes",
        "21_00",
        "every second scrape of a service is answered as by another process of it, which has no work",
        ("21_00.checklist.5",),
    ),
    Fault(
        "scrapes-seldom-late",
        "21_00",
        "every third scrape of a service takes longer than the scrape time-out",
        ("21_00.checklist.5",),
    ),
    Fault(
        "errors-after-restart",
        "21_00",
        "a service that started with this on logs five ERRORs at each scrape",
        ("21_00.exit.2", "21_01a.monitor.2", "21_01b.exit.1", "21_01c.monitor.1", "21_01d.exit.1"),
    ),
    Fault(
        "lines-after-restart",
        "21_00",
        "a service that started with this on logs 200 lines of INFO at each scrape",
        ("21_00.exit.2",),
    ),
    Fault(
        "late-after-restart",
        "21_00",
        "a service that started with this on takes 0.15 s more for each request of a user",
        ("21_00.checklist.5", "trigger.2"),
    ),
    Fault(
        "flags-stuck-on",
        "pre_deployment",
        "services that start with this on take the new paths, whatever the env file says",
        ("pre.technical.4", "21_01a.rollout.1", "21_01b.rollout.1", "21_01c.rollout.1", "21_01d.rollout.1"),
    ),
    Fault("memory-grows", "post_24h", "the bot holds 400 MiB more", ("post24.monitoring.5",)),
)
