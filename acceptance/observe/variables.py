"""A dashboard's variables in its queries: the browser fills them in, so whoever asks without one must do so too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ALL = "$__all"
_USE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))|\[\[(\w+)\]\]")


def variables_of(model: Mapping[str, Any], interval_s: float) -> dict[str, str]:
    """Read the variables of a dashboard's JSON model as they are set now.

    Args:
        model: As ``GET /api/dashboards/uid/{uid}`` gives it.
        interval_s: Seconds between points; Grafana's rate interval is four times that.
    """
    step = max(1, round(interval_s))
    found = {
        "__interval": f"{step}s",
        "__interval_ms": str(step * 1000),
        "__rate_interval": f"{4 * step}s",
        "__range": "300s",
    }
    for each in (model.get("templating") or {}).get("list") or ():
        found[str(each.get("name"))] = _value(each)
    return found


def filled(expression: str, variables: Mapping[str, str]) -> str:
    """Put the variables into an expression; one that is not known stays, and Grafana will say so."""

    def value(use: re.Match[str]) -> str:
        return variables.get(use[1] or use[2] or use[3], use[0])

    return _USE.sub(value, expression)


def _value(variable: Mapping[str, Any]) -> str:
    """Give a variable's value as a regular expression of all that is chosen."""
    chosen = (variable.get("current") or {}).get("value", "")
    values = [str(each) for each in chosen] if isinstance(chosen, list) else [str(chosen)]
    if ALL in values:
        return str(variable.get("allValue") or ".*")
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"
