"""Clients that only look: Prometheus, alerts, logs, Loki, Grafana, MongoDB, health."""
