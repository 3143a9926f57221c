"""Ask a service's health."""

from __future__ import annotations

import time

import httpx

from acceptance.redact import cut
from acceptance.target.parts import Service


def health_fault(service: Service, timeout_s: float) -> str:
    """Say what a service answers now instead of its healthy answer; empty when it is healthy.

    A redirect is followed to the same path with or without a final slash, or from `http` to `https`. Any other page,
    such as a login, would answer 200 whatever the service's health is.
    """
    wanted = service.health
    try:
        answer, text = _ask(service.health_url, timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer ({type(error).__name__})"
    if answer.status_code != wanted.status:
        where = answer.headers.get("location")
        return f"{answer.status_code}" + (f", which leads to {where}" if where else "")
    if wanted.text not in text:
        return f"{answer.status_code} without {wanted.text!r}: {cut(text, 80)!r}"
    return ""


def is_healthy(service: Service, timeout_s: float) -> bool:
    """Tell whether a service gives its healthy answer now."""
    return not health_fault(service, timeout_s)


def healthy_answer(service: Service) -> str:
    """Say what a healthy service answers."""
    text = f" with {service.health.text!r}" if service.health.text else ""
    return f"{service.health.status}{text} of {service.health_url}"


def _ask(url: str, timeout_s: float) -> tuple[httpx.Response, str]:
    answer, text = _whole(url, timeout_s)
    following = answer.next_request
    if following is None or not _same_page(httpx.URL(url), following.url):
        return answer, text
    return _whole(str(following.url), timeout_s)


def _whole(url: str, timeout_s: float) -> tuple[httpx.Response, str]:
    """Read an answer and its text; httpx asks of each part that it comes in time, and this of the last one, too."""
    end, parts = time.monotonic() + 3 * timeout_s, []
    with httpx.stream("GET", url, timeout=timeout_s) as answer:
        for part in answer.iter_bytes():
            parts.append(part)
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the answer has no end")
        return answer, b"".join(parts).decode(answer.encoding or "utf-8", "replace")


def _same_page(asked: httpx.URL, leads_to: httpx.URL) -> bool:
    same_host = asked.host == leads_to.host and (asked.port == leads_to.port or asked.scheme != leads_to.scheme)
    return same_host and asked.path.rstrip("/") == leads_to.path.rstrip("/")
