"""Ask Loki which services' logs it holds, and how many lines a query selects (post.validation.4).

The checklist's own query (`{stream="butler"}`, `start=1h`, counted by `length`) names a label that does not exist
and a time that is none, and would count streams: each of the three reads as "no errors". Here times are nanoseconds,
lines are counted by `count_over_time`, and whatever keeps us from an answer is `Inconclusive`.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from acceptance import deadline
from acceptance.observe.foreign_lines import Foreign
from acceptance.observe.log_comparison import Comparison, compared, require_levels
from acceptance.observe.log_entries import Raw, entries
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.observe.our_lines import CLOCKS
from acceptance.polling import poll
from acceptance.redact import cut
from acceptance.target.log_format import LogFormat
from acceptance.target.parts import Service
from acceptance.verdict import Inconclusive

Answer = TypeVar("Answer")

SUSPECT = (
    '|~ "(?i)err|crit|fatal|ftl|panic|emerg|alert|severe|traceback|exception|wa?rn|segmentation|out of memory|fail'
    r"|unhandled|uncaught|killed|aborted|core dumped|illegal instruction|stack|(^|[^0-9a-z])[EFW][0-9]{4} |<[0-9]{1,3}>"
    r'|\"[CEFW][^a-z]?\"|(level|severity|lvl|levelno|priority|value|number).{1,4}([3-6]0|[0-5][^0-9]|1[3-9]|2[0-4])"'
)
"""Selects all lines of the usual forms that may be a warning or worse."""

_PAGE = 1000
_MOST_PAGES = 100


@dataclass(frozen=True)
class Loki:
    """Queries against one Loki.

    Attributes:
        url: Its address.
        timeout_s: Longest wait for an answer.
        label: What its streams have a service's name under: Promtail's, by the target contract.
        tenant: Whose logs are asked for; empty where it has no tenants.
        transport: Stands in for the network in tests.
    """

    url: str
    timeout_s: float = 10.0
    label: str = "service"
    tenant: str = ""
    transport: Any = field(default=None, repr=False)

    def selector(self, name: str) -> str:
        """Select the streams of a service."""
        return f"{{{self.label}={json.dumps(name)}}}"

    def label_values(self, label: str, start: float, end: float) -> set[str]:
        """Give a label's values between two moments (unix seconds).

        Raises:
            Inconclusive: Loki does not answer as it should; also from the other methods.
        """
        what = f"label/{label}/values"
        found = self._ask(what, start=_nanos(start), end=_nanos(end))
        return self._read(what, lambda: set(map(str, found or ())))

    def count(self, query: str, start: float, end: float) -> int:
        """Count the lines that a log query selects in (start, end], to the second.

        A count of nought also comes of a selector that matches no stream: see `label_values` first.
        """
        seconds = max(1, math.ceil(end - start))
        found = self._ask("query", query=f"sum(count_over_time({query} [{seconds}s]))", time=_nanos(end))
        if not isinstance(found, dict) or found.get("resultType") != "vector":  # guard: lokis-own-word-for-success
            raise self._odd("query", f"expected a vector, found {cut(str(found), 200)}")
        return self._read("query", lambda: round(sum(float(row["value"][1]) for row in found["result"])))

    def lines(self, query: str, start: float, end: float, form: LogFormat | None = None) -> list[LogLine]:
        """Give all entries that a log query selects in [start, end), however many pages they take.

        Raises:
            Inconclusive: There are more of them than can be read.
        """
        held: list[tuple[int, str]] = []
        since = _nanos(start)
        for _ in range(_MOST_PAGES):
            page = self._page(query, since, _nanos(end), _PAGE)
            if len(page) < _PAGE:
                return entries(_raws([*held, *page]), form or LogFormat())
            last = page[-1][0]
            held += [each for each in page if each[0] < last]  # of that moment there may be more than the page holds
            if page[0][0] == last:  # guard: more-lines-of-a-moment-than-a-page
                raise self._odd("query_range", f"{_PAGE} lines or more of one moment of {query}")
            since = str(last)
        raise self._odd("query_range", f"more than {_MOST_PAGES * _PAGE} lines of {query}")

    def first(self, query: str, start: float, end: float, form: LogFormat) -> list[LogLine]:
        """Give the first entries that a log query selects."""
        return entries(_raws(self._page(query, _nanos(start), _nanos(end), _PAGE)), form)

    def begins(self, query: str, start: float, end: float) -> datetime | None:
        """Give the time of the first line that a query selects; None when there is none."""
        return next((raw.at for raw in _raws(self._page(query, _nanos(start), _nanos(end), 1))), None)

    def _page(self, query: str, start: str, end: str, limit: int) -> list[tuple[int, str]]:
        """Give the first lines in time; those of one moment in the order in which Loki has them."""
        span = {"start": start, "end": end, "limit": str(limit), "direction": "forward"}
        found = self._ask("query_range", query=query, **span)
        if not isinstance(found, dict) or found.get("resultType") != "streams":
            raise self._odd("query_range", f"expected streams, found {cut(str(found), 200)}")
        # Behind the text there may be what Loki calls structured metadata.
        rows = self._read(
            "query_range",
            lambda: [(int(at), str(text)) for stream in found["result"] for at, text, *_ in stream["values"]],
        )
        rows.sort(key=lambda row: row[0])
        if rows and not int(start) <= rows[0][0] <= rows[-1][0] <= int(end):  # of some that speak as Loki does
            raise self._odd("query_range", "lines of another time than was asked for")
        return rows

    def _read(self, path: str, reads: Callable[[], Answer]) -> Answer:
        try:
            return reads()
        except (ValueError, LookupError, TypeError) as error:
            raise self._odd(path, f"an answer of another form: {type(error).__name__}: {error}") from error

    def _ask(self, path: str, **params: str) -> Any:
        try:
            headers = {"X-Scope-OrgID": self.tenant} if self.tenant else {}
            with deadline.client(self.timeout_s, transport=self.transport, headers=headers) as client:
                answer = client.get(f"{self.url.rstrip('/')}/loki/api/v1/{path}", params=params)
            body = answer.json() if answer.status_code == httpx.codes.OK else None
        except httpx.HTTPError as error:
            raise self._odd(path, f"{type(error).__name__}: {error}") from error
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("status") != "success":  # guard: loki-that-answers-500
            raise self._odd(path, f"{answer.status_code} {cut(answer.text.strip(), 200)!r}")
        if said := body.get("warnings"):
            raise self._odd(path, f"an answer that may lack something: {cut(str(said), 200)}")
        return body.get("data")

    def _odd(self, path: str, found: str) -> Inconclusive:
        return Inconclusive(
            f"Loki at {self.url} did not answer «{path}»: {found}; check that it runs and LOKI_URL of the target file"
        )


def suspect(form: LogFormat) -> str:
    """Select all lines that may be a warning or worse; which of them are is decided as for any other log."""
    if form.pattern and form.fields["numbers"]:
        return ""  # a figure may stand anywhere in a line
    level = re.sub(r"\W", ".", form.fields["level"].rpartition(".")[2])
    return SUSPECT.replace("(level|", f"({level}|level|")


def late_in_loki(loki: Loki, services: Iterable[Service], since: datetime, patience_s: float) -> list[str]:
    """Name the services that logged since a moment and of which Loki lacks all lines, or the newest bad one.

    Raises:
        Inconclusive: A log cannot be read, or Loki does not answer.
    """
    wanted: dict[str, tuple[str, float]] = {}
    for service in services:
        if lines := Logs.of(service).since(since):
            selector, bad = loki.selector(service.name), [line.at for line in lines if line.at and line.is_warning]
            newest = (f"{selector} {suspect(service.log_format)}", max(bad) - CLOCKS) if bad else (selector, since)
            wanted[service.name] = newest[0], newest[1].timestamp()

    def late() -> list[str]:
        return [name for name, (query, at) in wanted.items() if not loki.count(query, at, time.time())]

    return poll(late, lambda names: not names, patience_s, every=1)


def compare_in_loki(loki: Loki, service: Service, change: datetime, now: datetime, foreign: Foreign) -> Comparison:
    """Compare what Loki holds of a service since a change with as long a time before.

    Args:
        loki: Where to look.
        service: Whose log.
        change: The moment before anything was changed, aware.
        now: The end, aware.
        foreign: Leaves out the lines of our own requests, which do not count.

    Raises:
        Inconclusive: Loki does not answer, or what it holds states no level.
    """
    selector = loki.selector(service.name)
    start, middle, end = (change - (now - change)).timestamp(), change.timestamp(), now.timestamp()
    begin = loki.begins(selector, start, end) or now
    source = f"{service.name} in {loki.url}"
    require_levels(source, loki.first(selector, start, end, service.log_format))
    lines = loki.lines(f"{selector} {suspect(service.log_format)}", start, end, service.log_format)
    found = compared(source, lines, begin, change, now, foreign=foreign)
    return replace(found, seen=loki.count(selector, middle, end))


def _raws(page: Iterable[tuple[int, str]]) -> list[Raw]:
    return [Raw(text, datetime.fromtimestamp(at / 1e9, UTC)) for at, text in page]


def _nanos(moment: float) -> str:
    """Write unix seconds as Loki takes them, exact to the microsecond."""
    return str(round(moment * 1e6) * 1000)
