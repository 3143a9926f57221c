"""The dashboard that the Grafana stand-in has provisioned: uid slo-butler-bot (contract, "Infrastructure")."""

from typing import Any

from lab.shape import current

UID = "slo-butler-bot"
TITLE = "SLO - Butler Bot"
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
_PANELS = (
    ("Services up", "up"),
    ("Messages per second", "sum by (status) (rate(butler_messages_total[1m]))"),
    (
        "Message duration p95",
        "histogram_quantile(0.95, sum by (le) (rate(butler_message_duration_seconds_bucket[1m])))",
    ),
    ("Dialogue repository errors", 'sum(rate(dialog_context_repository_operations_total{status="error"}[5m]))'),
    ("Homework requests", "sum by (operation) (rate(homework_review_service_requests_total[5m]))"),
    ("Archive storage operations", "sum by (status) (rate(review_archive_storage_operations_total[5m]))"),
    (
        "Review duration p95",
        "histogram_quantile(0.95, sum by (le) (rate(review_submission_duration_seconds_bucket[5m])))",
    ),
    ("Memory", "process_resident_memory_bytes"),
)
_OF_ANOTHER = f'up{{job="{current().name("butler-worker")}"}}'


def search_hit() -> dict[str, Any]:
    """Give the dashboard as `GET /api/search` lists it."""
    return {
        "id": 1,
        "uid": UID,
        "title": TITLE,
        "uri": f"db/{UID}",
        "url": f"/d/{UID}/{UID}",
        "slug": "",
        "type": "dash-db",
        "tags": ["slo", "butler"],
        "isStarred": False,
        "sortMeta": 0,
    }


def dashboard(of_another: bool = False) -> dict[str, Any]:
    """Give the dashboard as `GET /api/dashboards/uid/{uid}` gives it; with the fault, it is the worker's."""
    panels = [(title, _OF_ANOTHER if of_another else current().told(expression)) for title, expression in _PANELS]
    return {
        "meta": {
            "type": "db",
            "canSave": False,
            "canEdit": True,
            "provisioned": True,
            "provisionedExternalId": f"{UID}.json",
            "slug": UID,
            "url": f"/d/{UID}/{UID}",
            "version": 1,
            "folderId": 0,
            "folderTitle": "General",
        },
        "dashboard": {
            "id": 1,
            "uid": UID,
            "title": TITLE,
            "tags": ["slo", "butler"],
            "schemaVersion": 39,
            "version": 1,
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "templating": {"list": []},
            "panels": [_panel(number, *panel) for number, panel in enumerate(panels)],
        },
    }


def _panel(number: int, title: str, expression: str) -> dict[str, Any]:
    return {
        "id": number + 1,
        "title": title,
        "type": "timeseries",
        "datasource": DATASOURCE,
        "gridPos": {"h": 8, "w": 12, "x": number % 2 * 12, "y": number // 2 * 8},
        "targets": [{"refId": "A", "datasource": DATASOURCE, "expr": expression, "range": True}],
    }
