"""What watches the target: Prometheus, logs, Loki, Grafana. Nothing here changes anything."""
