"""Give each HTTP answer one deadline: clients ask of each part that it comes in time, and a trickle has no end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from acceptance.verdict import Refused

Made = TypeVar("Made")

TIMES = 3
"""So many time-outs an answer may take from its headers to its last byte."""


def client(timeout_s: float, **options: Any) -> httpx.Client:
    """Make a client whose answers are whole in time, or a `httpx.ReadTimeout`; `timeout_s` is that of each part."""
    return _made(httpx.Client, timeout=timeout_s, event_hooks={"response": [_hold]}, **options)


def async_client(timeout_s: float, **options: Any) -> httpx.AsyncClient:
    """Do as `client` for calls that are awaited."""

    async def hold(answer: httpx.Response) -> None:
        _hold(answer)

    return _made(httpx.AsyncClient, timeout=timeout_s, event_hooks={"response": [hold]}, **options)


def _made(kind: Callable[..., Made], **options: Any) -> Made:
    try:
        return kind(**options)
    except ImportError as error:
        raise Refused(
            f"expected no SOCKS proxy, found one in ALL_PROXY or another *_PROXY of this environment ({error}); "
            "unset it, name an HTTP proxy, or install socksio"
        ) from error


def in_time(parts: Iterable[bytes], timeout_s: float) -> Iterator[bytes]:
    """Give the parts of an answer that begins now, as they come.

    Raises:
        httpx.ReadTimeout: It has no end in time.
    """
    yield from _Held(parts, TIMES * timeout_s)


def _hold(answer: httpx.Response) -> None:
    answer.stream = _Held(answer.stream, TIMES * answer.request.extensions["timeout"]["read"])


@dataclass(frozen=True)
class _Held(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of an answer, of which each part must come within so many seconds of the first."""

    body: Any
    allowed_s: float

    def __iter__(self) -> Iterator[bytes]:
        end = time.monotonic() + self.allowed_s
        for part in self.body:
            self._require(end)
            yield part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        end = time.monotonic() + self.allowed_s
        async for part in self.body:
            self._require(end)
            yield part

    def _require(self, end: float) -> None:
        if time.monotonic() > end:  # guard: answer-that-has-no-end
            raise httpx.ReadTimeout(f"the answer began, and had no end within {self.allowed_s:g} s")

    def close(self) -> None:
        self.body.close()

    async def aclose(self) -> None:
        await self.body.aclose()
