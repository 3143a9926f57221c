"""Prometheus' alerting rules: that there are any, and that they can be evaluated (post.validation.2).

"No alert fires" says nothing where no rule is loaded, or where a rule cannot be evaluated.
"""

from __future__ import annotations

from typing import Any

import httpx

from acceptance.verdict import Inconclusive


def rule_findings(url: str, timeout_s: float, transport: Any = None) -> list[str]:
    """Name the alerting rules that cannot be evaluated.

    Raises:
        Inconclusive: Prometheus does not answer, or has no alerting rule.
    """
    try:
        with httpx.Client(timeout=timeout_s, transport=transport) as client:
            answer = client.get(f"{url.rstrip('/')}/api/v1/rules", params={"type": "alert"})
        rules = [rule for group in answer.json()["data"]["groups"] for rule in group["rules"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Inconclusive(f"Prometheus at {url} did not give its alerting rules ({type(error).__name__})") from error
    if not rules:
        raise Inconclusive(f"Prometheus at {url} has no alerting rule: that none fires says nothing; load the rules")
    return [
        f"alert {rule['name']}: expected it to be evaluated, found {rule.get('lastError') or rule['health']}"
        for rule in rules
        if rule["health"] == "err"
    ]
