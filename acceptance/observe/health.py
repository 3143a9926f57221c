"""Ask a service's health."""

from __future__ import annotations

import httpx

from acceptance.target.model import Service


def is_healthy(service: Service, timeout_s: float) -> bool:
    """Tell whether `/health` answers 200 now."""
    try:
        return httpx.get(f"{service.url}/health", timeout=timeout_s).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
