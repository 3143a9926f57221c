"""Stand-in for Loki (no real one is to be had): its query API over the lab's log files, errors included."""

import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.service import Settings, run
from lab.shape import current
from lab.standins.log_streams import Entry, Streams, with_error_spike
from lab.standins.logql import Labels, LogQLError, LogQuery, MetricQuery
from lab.standins.logql_parser import parse
from lab.standins.logql_run import matching, values
from lab.standins.loki_times import NANOS, ParameterError, bounds, moment, step

MAX_ENTRIES = 5000
_INSTANT_LOGS = "log queries are not supported as an instant query type, please change your query to a range query type"
Handler = Callable[[Mapping[str, str]], object]


class Loki:
    """The API over one folder of logs."""

    def __init__(self, settings: Settings) -> None:
        self._streams = Streams(settings.home / "logs")
        self._fault = settings.fault
        self._late = settings.home / "faults" / "loki-late"

    def application(self) -> Starlette:
        """Give the ASGI application."""

        async def label_values(request: Request) -> Response:
            return await self._answer(self._label_values(request.path_params["name"]))(request)

        both = ["GET", "POST"]
        return Starlette(
            routes=[
                Route("/ready", _ready),
                Route("/loki/api/v1/query", self._answer(self._instant), methods=both),
                Route("/loki/api/v1/query_range", self._answer(self._range), methods=both),
                Route("/loki/api/v1/labels", self._answer(self._labels), methods=both),
                Route("/loki/api/v1/label/{name}/values", label_values),
            ],
            exception_handlers={404: _not_found},
        )

    def _answer(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Success as JSON, an error as Loki gives it: plain text."""

        async def answer(request: Request) -> Response:
            if self._fault("loki-500"):
                return PlainTextResponse("empty ring\n", 500)
            form = await request.form() if request.method == "POST" else {}
            given = {key: str(value) for key, value in {**request.query_params, **form}.items()}
            try:
                data = handler(given)
            except (LogQLError, ParameterError) as error:
                return PlainTextResponse(f"{error}\n", 400)
            return JSONResponse({"status": "success"} if data is None else {"status": "success", "data": data})

        return answer

    def _instant(self, given: Mapping[str, str]) -> object:
        at = moment(given, "time", time.time_ns())
        query = parse(given.get("query", ""))
        if isinstance(query, LogQuery):
            raise ParameterError(_INSTANT_LOGS)
        result = [
            {"metric": dict(series), "value": [at / NANOS, _number(points[0][1])]}
            for series, points in values(query, self._read(), [at]).items()
        ]
        return {"resultType": "vector", "result": result, "stats": {}}

    def _range(self, given: Mapping[str, str]) -> object:
        start, end = bounds(given, time.time_ns())
        query = parse(given.get("query", ""))
        if isinstance(query, MetricQuery):
            times = list(range(start, end + 1, step(given, start, end)))
            result = [
                {"metric": dict(series), "values": [[at / NANOS, _number(value)] for at, value in points]}
                for series, points in values(query, self._read(), times).items()
            ]
            return {"resultType": "matrix", "result": result, "stats": {}}
        found = sorted(matching(query, self._read(), start, end), key=lambda pair: pair[1].at)
        limit, forward = _limit(given), _forward(given)
        chosen = found[:limit] if forward else found[::-1][:limit]
        streams: dict[Any, list[list[str]]] = defaultdict(list)
        for series, entry in chosen:
            streams[series].append([str(entry.at), entry.line])
        result = [{"stream": dict(series), "values": lines} for series, lines in streams.items()]
        return {"resultType": "streams", "result": result, "stats": {}}

    def _labels(self, given: Mapping[str, str]) -> object:
        bounds(given, time.time_ns())
        return sorted({name for labels, _ in self._streams for name in labels}) or None

    def _label_values(self, name: str) -> Handler:
        def found(given: Mapping[str, str]) -> object:
            bounds(given, time.time_ns())
            return sorted({labels[name] for labels, _ in self._read() if name in labels}) or None

        return found

    def _late_from(self) -> float:
        """Give the moment from which on the fault loki-late holds lines back, in nanoseconds since 1970."""
        with contextlib.suppress(FileNotFoundError):
            return self._late.stat().st_mtime_ns
        return math.inf

    def _read(self) -> Iterator[tuple[Labels, list[Entry]]]:
        """Give the streams, with the seeded spike of errors in the bot's, or without some or all of the worker's."""
        spike, missing = self._fault("loki-error-spike"), self._fault("loki-stream-missing")
        for labels, entries in self._streams:
            if labels["service"] == current().name("butler-worker"):
                if missing:
                    continue
                entries = [entry for entry in entries if entry.at < self._late_from()]
            yield (
                labels,
                with_error_spike(entries) if spike and labels["service"] == current().name("butler-bot") else entries,
            )


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit") or "100"
    try:
        limit = int(text)
    except ValueError:
        raise ParameterError(f'strconv.Atoi: parsing "{text}": invalid syntax') from None
    if limit <= 0:
        raise ParameterError("limit must be a positive value")
    if limit > MAX_ENTRIES:
        raise ParameterError(
            f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {MAX_ENTRIES})"
        )
    return limit


def _forward(given: Mapping[str, str]) -> bool:
    direction = given.get("direction") or "backward"
    if direction.lower() not in ("forward", "backward"):
        raise ParameterError(f"invalid direction '{direction}'")
    return direction.lower() == "forward"


def _number(value: float) -> str:
    """Give a sample as Prometheus and Loki print it: no decimals where there are none."""
    return repr(value).removesuffix(".0")


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ready\n")


async def _not_found(_: Request, __: Exception) -> Response:
    return PlainTextResponse("404 page not found\n", 404)


if __name__ == "__main__":
    started = Settings.load("loki")
    run(Loki(started).application(), started.port)
