"""Ask a service's health."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import httpx

from acceptance import deadline, tally
from acceptance.redact import cut
from acceptance.target.parts import Service

_TOLD_IN = ("status", "state", "health", "healthy", "ok")
_UNWELL = re.compile(
    r"critical|down|errors?|fail(?:ed|ing|ure)?|false|maintenance|not[ _](?:ok|ready)|offline|out_of_service|starting"
    r"|un(?:available|healthy)"
)
_PAGE = re.compile(r"\s*<(?:!doctype|html)\b", re.IGNORECASE)
_NAME_IT = "name a TEXT of it after its path and status in the target file"


def health_fault(service: Service, timeout_s: float) -> str:
    """Say what a service answers now instead of its healthy answer; empty when it is healthy.

    A redirect is followed to the same path with or without a final slash, or from `http` to `https`. Any other page,
    such as a login, would answer 200 whatever the service's health is. Where the target file names no text, a body that
    calls itself unwell is no health, nor is a page.
    """
    wanted = service.health
    try:
        answer = _ask(service.health_url, timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer ({type(error).__name__})"
    if answer.status_code != wanted.status:
        where = answer.headers.get("location")
        return f"{answer.status_code}" + (f", which leads to {where}" if where else "")
    if wanted.text not in answer.text:
        return f"{answer.status_code} without {wanted.text!r}: {cut(answer.text, 80)!r}"
    told = "" if wanted.text else _unwell(answer.text)
    return f"{answer.status_code} with {told}: {cut(answer.text, 80)!r}" if told else ""


def _unwell(body: str) -> str:
    """Say what keeps a body from being that of a healthy service; empty for nothing."""
    if _PAGE.match(body):
        return f"a page, such as a proxy's or a login's, and no health; if it is one, {_NAME_IT}"
    said: object = body
    with suppress(ValueError):
        said = json.loads(body)
    words = [said.get(name) for name in _TOLD_IN] if isinstance(said, dict) else [said]
    bad = next((word for word in words if _UNWELL.fullmatch(str(word).strip().lower())), None)
    return "" if bad is None else f"{bad!r} in its body; if that is healthy, {_NAME_IT}"


def is_healthy(service: Service, timeout_s: float) -> bool:
    """Tell whether a service gives its healthy answer now."""
    return not health_fault(service, timeout_s)


def healthy_answer(service: Service) -> str:
    """Say what a healthy service answers."""
    text = f" with {service.health.text!r}" if service.health.text else ""
    return f"{service.health.status}{text} of {service.health_url}"


def _ask(url: str, timeout_s: float) -> httpx.Response:
    with deadline.client(timeout_s) as client:
        answer = client.get(url)
        tally.count(f"HTTP {answer.status_code}")
        following = answer.next_request
        if following is None or not _same_page(httpx.URL(url), following.url):
            return answer
        return client.send(following)


def _same_page(asked: httpx.URL, leads_to: httpx.URL) -> bool:
    same_host = asked.host == leads_to.host and (asked.port == leads_to.port or asked.scheme != leads_to.scheme)
    return same_host and asked.path.rstrip("/") == leads_to.path.rstrip("/")
