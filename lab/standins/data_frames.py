"""Prometheus answers in Grafana's data frame JSON, as `POST /api/ds/query` gives them."""

import math
from collections.abc import Sequence
from typing import Any

Frame = dict[str, Any]


def frames(ref_id: str, expression: str, step: float, data: dict[str, Any]) -> list[Frame]:
    """Turn the `data` of a Prometheus answer into frames.

    Args:
        ref_id: the query's name.
        expression: what Prometheus was asked.
        step: seconds between two points.
        data: `{"resultType": "matrix"|"vector"|"scalar", "result"}`.

    Returns:
        One frame a series, or a single one without fields when there was nothing, as Grafana does.
    """
    meta = _meta(expression, step, data["resultType"])
    result = data["result"]
    if data["resultType"] == "scalar":
        result = [{"metric": {}, "value": result}]
    if not result:
        return [empty(ref_id, expression, step, data["resultType"])]
    return [_frame(ref_id, expression, step, meta, series) for series in result]


def empty(ref_id: str, expression: str, step: float, kind: str) -> Frame:
    """Give the frame of a query that gave nothing or an error."""
    meta = _meta(expression, step, kind)
    return {"schema": {"refId": ref_id, "meta": meta, "fields": []}, "data": {"values": []}}


def _meta(expression: str, step: float, kind: str) -> dict[str, Any]:
    return {
        "type": "timeseries-multi" if kind == "matrix" else "numeric-multi",
        "typeVersion": [0, 1],
        "custom": {"resultType": kind, "calculatedMinStep": round(step * 1000)},
        "executedQueryString": f"Expr: {expression}\nStep: {step:g}s",
    }


def _frame(ref_id: str, expression: str, step: float, meta: dict[str, Any], series: dict[str, Any]) -> Frame:
    labels = series["metric"]
    points = series.get("values") or [series["value"]]
    values, special = _numbers([value for _, value in points])
    shown = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    display = f"{labels.get('__name__', '')}{{{shown}}}" if labels else expression
    fields = [
        {
            "name": "Time",
            "type": "time",
            "typeInfo": {"frame": "time.Time"},
            "config": {"interval": round(step * 1000)},
        },
        {
            "name": labels.get("__name__", "Value"),
            "type": "number",
            "typeInfo": {"frame": "float64"},
            "labels": labels,
            "config": {"displayNameFromDS": display},
        },
    ]
    data: dict[str, Any] = {"values": [[round(float(at) * 1000) for at, _ in points], values]}
    if special:
        data["entities"] = [None, special]
    return {"schema": {"refId": ref_id, "meta": meta, "fields": fields}, "data": data}


def _numbers(texts: Sequence[str]) -> tuple[list[float | None], dict[str, list[int]]]:
    """Give samples as JSON can hold them: NaN and infinities are null, and listed by position as `entities`."""
    numbers: list[float | None] = []
    special: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        value = float(text)
        if math.isfinite(value):
            numbers.append(value)
            continue
        numbers.append(None)
        name = "NaN" if math.isnan(value) else "Inf" if value > 0 else "NegInf"
        special.setdefault(name, []).append(position)
    return numbers, special
