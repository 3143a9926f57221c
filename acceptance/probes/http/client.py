"""Send plain JSON calls to a service (target contract, "HTTP")."""

from __future__ import annotations

import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx

from acceptance import deadline, tally
from acceptance.effects import Effect, about_to
from acceptance.probes.http.exchange import BODY_LIMIT, Exchange
from acceptance.probes.http.under_way import Requests
from acceptance.target.model import Target
from acceptance.target.naming import HttpNames
from acceptance.target.parts import Service

KEPT_S = 0.5
"""So long a connection is kept for the next call: servers close one that is idle for longer, some after a second."""


def trace(header: str, prefix: str) -> tuple[str, dict[str, str]]:
    """Make a fresh trace id and the header that carries it.

    Args:
        header: W3C `traceparent`, a header that takes the bare id, or empty for a service that takes none.
        prefix: First hex digits of the id.

    Returns:
        The 32 hex digits, and the header (empty for no header).
    """
    trace_id = prefix + secrets.token_hex(16)[len(prefix) :]
    if not header:
        return trace_id, {}
    w3c = header.lower() == "traceparent"
    return trace_id, {header: f"00-{trace_id}-{secrets.token_hex(8)}-01" if w3c else trace_id}


@dataclass(frozen=True, slots=True)
class Called:
    """One call.

    Attributes:
        exchange: What was sent and answered, its body cut for the record.
        payload: The whole answer decoded; None when it is not JSON.
    """

    exchange: Exchange
    payload: Any

    @classmethod
    def of(cls, exchange: Exchange, names: HttpNames, body: str | bytes) -> Called:
        """Decode the whole body of an exchange's answer."""
        try:
            return cls(exchange, names.received(json.loads(body)))
        except ValueError:
            return cls(exchange, None)

    def get(self, name: str) -> Any:
        """Give a field of the answer; None when the answer is no object or lacks it."""
        return self.payload.get(name) if isinstance(self.payload, dict) else None


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls one service; threads may share it.

    Attributes:
        base_url: The service's address, with or without a trailing slash.
        timeout_s: Longest wait in seconds for the connection and for each read; see `acceptance.deadline`.
        trace_header: Header that carries the trace id: W3C `traceparent`, or one with the bare id; empty for none.
        trace_prefix: First hex digits of every trace id, so that log lines of this run can be told from others'.
        headers: Sent with every call; never shown.
        names: What the service calls routes and fields; calls and answers are in the contract's names.
        transport: Stands in for the network in tests.
        requests: Where those that write are noted while they are under way.
        client: Whose connections are used again; None for one of its own for each call.
    """

    base_url: str
    timeout_s: float = 30.0
    trace_header: str = "traceparent"
    trace_prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    transport: Any = field(default=None, repr=False)
    names: HttpNames = field(default_factory=HttpNames)
    requests: Requests = field(default_factory=Requests, repr=False)
    client: httpx.Client | None = field(default=None, repr=False)

    @classmethod
    def of(cls, service: Service, target: Target, trace_prefix: str) -> Caller:
        """Make what calls a service of a target, with its login and in its names."""
        how = (target.http_timeout_s, target.trace_header, trace_prefix, service.headers)
        return cls(service.url, *how, names=service.names, requests=Requests(target.journal_dir, trace_prefix))

    def get(self, path: str, **params: str | int) -> Called:
        """GET `path` with these query parameters."""
        return self._call("GET", path, params=self.names.sent(params))

    def post(self, path: str, body: Mapping[str, Any], *, writes: bool = True) -> Called:
        """POST `body` as JSON to `path`; `writes` is false only for what leaves nothing with a sound service."""
        if not writes:
            return self._call("POST", path, json=self.names.sent(body))
        about_to(Effect.DATA, f"POST {path}")
        with self.requests.noted(f"POST {self._url(path)}", self._longest_s):
            return self._call("POST", path, json=self.names.sent(body))

    async def apost(self, client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> Called:
        """Do as `post` over a client that many calls share."""
        about_to(Effect.DATA, f"POST {path}")
        trace_id, traced = trace(self.trace_header, self.trace_prefix)
        started = time.monotonic()
        try:
            with self.requests.noted(f"POST {self._url(path)}", self._longest_s):
                headers = {**self.headers, **traced}
                answer = await client.post(self._url(path), json=self.names.sent(body), headers=headers)
        except httpx.HTTPError as error:
            return self._failed(error, "POST", path, started, trace_id)
        return _answered(answer, started, trace_id, self.names)

    def async_client(self, connections: int) -> httpx.AsyncClient:
        """Make a client for `apost`, of at most so many connections; a call may wait for one as for an answer.

        None is used twice: a busy server that closes an idle one while we send on it would look like a lost answer.
        """
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        return deadline.async_client(self.timeout_s, limits=limits, transport=self.transport, verify=_tls())

    @contextmanager
    def connected(self) -> Iterator[Caller]:
        """Give what makes one call after the other on one connection, as a user's program does."""
        with self._client() as client:
            yield replace(self, client=client)

    def _client(self) -> httpx.Client:
        limits = httpx.Limits(keepalive_expiry=KEPT_S)
        return deadline.client(self.timeout_s, limits=limits, transport=self.transport, verify=_tls())

    def _call(self, method: str, path: str, **what: Any) -> Called:
        trace_id, traced = trace(self.trace_header, self.trace_prefix)
        with nullcontext(self.client) if self.client else self._client() as client:
            started = time.monotonic()
            try:
                answer = client.request(method, self._url(path), headers={**self.headers, **traced}, **what)
            except httpx.HTTPError as error:  # guard: name-that-does-not-resolve-services
                return self._failed(error, method, path, started, trace_id)
        return _answered(answer, started, trace_id, self.names)

    @property
    def _longest_s(self) -> float:
        """Seconds that a small request may take: the connection and the answer have a time-out each."""
        return 2 * self.timeout_s

    def _failed(self, error: httpx.HTTPError, method: str, path: str, started: float, trace_id: str) -> Called:
        took = time.monotonic() - started
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        tally.count("HTTP without an answer")
        return Called(Exchange(method, self._url(path), None, "", {}, "", took, 0, trace_id, why), None)

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + self.names.path(path)


def brief(exchange: Exchange) -> str:
    """Say in one line what happened: a check's reason in the record is one line."""
    return " ".join(exchange.explain().splitlines())


def _answered(answer: httpx.Response, started: float, trace_id: str, names: HttpNames) -> Called:
    tally.count(f"HTTP {answer.status_code}")
    exchange = Exchange(
        method=answer.request.method,
        url=str(answer.url),
        status=answer.status_code,
        reason=answer.reason_phrase,
        headers=dict(answer.headers),
        body=answer.text[:BODY_LIMIT],
        elapsed_s=time.monotonic() - started,
        sent_bytes=len(answer.request.content),
        trace_id=trace_id,
        detail_at=names.fields.get("detail", "detail"),
    )
    return Called.of(exchange, names, answer.content)


@cache
def _tls() -> ssl.SSLContext:
    """Load the trusted certificates once: it takes longer than a call."""
    return httpx.create_ssl_context()
