"""Ask a service's health."""

from __future__ import annotations

import httpx

from acceptance import deadline
from acceptance.redact import cut
from acceptance.target.parts import Service


def health_fault(service: Service, timeout_s: float) -> str:
    """Say what a service answers now instead of its healthy answer; empty when it is healthy.

    A redirect is followed to the same path with or without a final slash, or from `http` to `https`. Any other page,
    such as a login, would answer 200 whatever the service's health is.
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
    return ""


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
        following = answer.next_request
        if following is None or not _same_page(httpx.URL(url), following.url):
            return answer
        return client.send(following)


def _same_page(asked: httpx.URL, leads_to: httpx.URL) -> bool:
    same_host = asked.host == leads_to.host and (asked.port == leads_to.port or asked.scheme != leads_to.scheme)
    return same_host and asked.path.rstrip("/") == leads_to.path.rstrip("/")
