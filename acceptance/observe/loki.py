"""Loki: which services' logs it holds, and how many lines a query selects (post.validation.4).

The checklist's own query (``{stream="butler"}``, ``start=1h``, counted by ``length``) names a label that does not exist
and a time that is none, and would count streams: each of the three reads as "no errors". Here times are nanoseconds,
lines are counted by ``count_over_time``, and whatever keeps us from an answer is ``Inconclusive``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import httpx

from acceptance.verdict import Inconclusive

LABEL = "service"
"""Promtail's label for the service's name (target contract, on logs)."""


@dataclass(frozen=True)
class Loki:
    """Queries against one Loki; ``transport`` stands in for the network in tests."""

    url: str
    timeout_s: float = 10.0
    transport: Any = field(default=None, repr=False)

    def label_values(self, label: str, start: float, end: float) -> set[str]:
        """Give a label's values between two moments (unix seconds).

        Raises:
            Inconclusive: Loki does not answer as it should; also from the other methods.
        """
        found = self._ask(f"label/{label}/values", start=_nanos(start), end=_nanos(end))
        return set(map(str, found or ()))

    def count(self, query: str, start: float, end: float) -> int:
        """Count the lines that a log query selects in (start, end], to the second.

        A count of nought also comes of a selector that matches no stream: see ``label_values`` first.
        """
        seconds = max(1, math.ceil(end - start))
        found = self._ask("query", query=f"sum(count_over_time({query} [{seconds}s]))", time=_nanos(end))
        if not isinstance(found, dict) or found.get("resultType") != "vector":  # guard: lokis-own-word-for-success
            raise self._odd("query", f"expected a vector, found {str(found)[:200]}")
        return round(sum(float(row["value"][1]) for row in found["result"]))

    def lines(self, query: str, start: float, end: float, limit: int, *, oldest: bool = False) -> list[Line]:
        """Give the newest (or oldest) lines that a log query selects, at most ``limit``, by time."""
        span = {"start": _nanos(start), "end": _nanos(end), "limit": str(limit)}
        found = self._ask("query_range", query=query, direction="forward" if oldest else "backward", **span)
        if not isinstance(found, dict) or found.get("resultType") != "streams":
            raise self._odd("query_range", f"expected streams, found {str(found)[:200]}")
        return sorted(
            Line(int(at) / 1e9, stream["stream"].get(LABEL, ""), text)
            for stream in found["result"]
            for at, text in stream["values"]
        )

    def _ask(self, path: str, **params: str) -> Any:
        try:
            with httpx.Client(timeout=self.timeout_s, transport=self.transport) as client:
                answer = client.get(f"{self.url.rstrip('/')}/loki/api/v1/{path}", params=params)
            body = answer.json() if answer.status_code == httpx.codes.OK else None
        except httpx.HTTPError as error:
            raise self._odd(path, f"{type(error).__name__}: {error}") from error
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("status") != "success":  # guard: loki-that-answers-500
            raise self._odd(path, f"{answer.status_code} {answer.text.strip()[:200]!r}")
        return body.get("data")

    def _odd(self, path: str, found: str) -> Inconclusive:
        return Inconclusive(
            f"Loki at {self.url} did not answer «{path}»: {found}; check that it runs and LOKI_URL of the target file"
        )


@dataclass(frozen=True, order=True)
class Line:
    """One log line: unix seconds, the service that wrote it, its text."""

    at: float
    service: str
    text: str


def _nanos(moment: float) -> str:
    """Write unix seconds as Loki takes them, exact to the microsecond."""
    return str(round(moment * 1e6) * 1000)
