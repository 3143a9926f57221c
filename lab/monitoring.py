"""Configuration of the lab's Prometheus and Alertmanager: one scrape and one evaluation a second."""

from collections.abc import Mapping

from lab.shape import PROMETHEUS_WEB, current

JOBS = ("butler-bot", "butler-worker", "butler-api", "prometheus", "alertmanager")

ALERTMANAGER = """\
route: {receiver: ops-shared, group_wait: 1s, group_interval: 5s}
receivers: [{name: ops-shared}]
"""

# Thresholds leave room for the suite's own security tests, which are refused on purpose.
RULES = """\
groups:
- name: butler
  rules:
  - alert: InstanceDown
    expr: up == 0
    for: 2s
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.job }} is down"}
  - alert: HighErrorRate
    expr: >
      sum by (job) (increase(butler_messages_total{status="error"}[30s]))
      / sum by (job) (increase(butler_messages_total[30s])) > 0.05
    for: 5s
    labels: {severity: critical}
    annotations: {summary: "More than 5 % of messages fail in {{ $labels.job }}"}
  - alert: ReviewArchiveChecksumFailures
    expr: increase(review_archive_storage_checksum_failures_total[1m]) > 50
    labels: {severity: warning}
    annotations: {summary: "Many archives do not match their digest"}
  - alert: ReviewArchiveStorageErrors
    expr: sum(increase(review_archive_storage_operations_total{error_type=~"disk_full|permission_error"}[30s])) > 0
    labels: {severity: critical}
    annotations: {summary: "Archives cannot be written"}
  - alert: ReviewArchiveStorageSlow
    expr: >
      histogram_quantile(0.95, sum by (le) (rate(review_archive_storage_latency_seconds_bucket[30s]))) > 2
    for: 5s
    labels: {severity: warning}
    annotations: {summary: "Writing an archive takes more than 2 s (p95)"}
  - alert: ReviewSubmissionErrors
    expr: sum(increase(review_submission_use_case_errors_total[30s])) > 5
    for: 5s
    labels: {severity: critical}
    annotations: {summary: "The review pipeline fails"}
  - alert: LabFaultAlert
    expr: lab_fault_alert == 1
    labels: {severity: warning}
    annotations: {summary: "The seeded fault alert-firing is on"}
"""


def prometheus(ports: Mapping[str, int]) -> str:
    """Write prometheus.yml for the services on these ports."""
    shape = current()
    targets = {job: [f"127.0.0.1:{ports[each]}" for each in shape.instances(job)] for job in JOBS}
    jobs = "".join(
        f"- job_name: {shape.name(job)}\n  static_configs: [{{targets: {each}}}]\n" for job, each in targets.items()
    )
    if shape.prometheus_login:  # it scrapes itself too
        user, password = shape.prometheus_login
        own = (
            f"  metrics_path: {shape.prometheus_path}/metrics\n"
            f"  basic_auth: {{username: {user}, password: {password}}}\n"
            "  scheme: https\n  tls_config: {ca_file: ca.pem}"
        )
        jobs = jobs.replace("- job_name: prometheus\n", f"- job_name: prometheus\n{own}\n")
    return (
        f"global: {{scrape_interval: {shape.scrape_s}s, scrape_timeout: 1s, evaluation_interval: 1s}}\n"
        "rule_files: [alert_rules.yml]\n"
        "alerting:\n  alertmanagers:\n"
        f"  - static_configs: [{{targets: ['127.0.0.1:{ports['alertmanager']}']}}]\n"
        f"scrape_configs:\n{jobs}"
    )


def rules() -> str:
    """Write the alert rules, in the words of this lab's shape."""
    return current().told(RULES)


def web() -> str:
    """Write Prometheus' own web configuration: its certificate, and who may ask it."""
    return PROMETHEUS_WEB if current().prometheus_login else ""
