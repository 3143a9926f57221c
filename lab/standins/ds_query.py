"""`POST /api/ds/query` of the Grafana stand-in: asks the lab's Prometheus, gives frames.

The outer status is 400 as soon as one query fails; what happened to each is in `results.<refId>.status`.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import httpx

from lab.standins.dashboard import DATASOURCE
from lab.standins.data_frames import empty, frames
from lab.standins.logql_parser import duration

GAP_SECONDS = 300.0
MIN_STEP = 1.0  # the lab's scrape interval
_RELATIVE = re.compile(r"now(?:-(?P<ago>\w+))?")


class BadQueryError(ValueError):
    """The request as a whole is wrong; Grafana answers 400 with this message."""


@dataclass(frozen=True)
class Query:
    """One query of a request.

    Attributes:
        ref_id: its name in the answer.
        expression: PromQL.
        start: seconds since 1970.
        end: seconds since 1970.
        step: seconds between two points of a range query.
        instant: ask for one value at the end instead of a range.
    """

    ref_id: str
    expression: str
    start: float
    end: float
    step: float
    instant: bool


def read(body: object) -> list[Query]:
    """Read a request.

    Raises:
        BadQueryError: no queries, an unknown data source, or times that are none.
    """
    if not isinstance(body, dict):
        raise BadQueryError("bad request data")
    queries = body.get("queries")
    if not isinstance(queries, list) or not queries or not all(isinstance(query, dict) for query in queries):
        raise BadQueryError("no queries found")
    now = time.time()
    start, end = _time(body.get("from", "now-6h"), now), _time(body.get("to", "now"), now)
    found: list[Query] = []
    for query in queries:
        source = query.get("datasource")
        if not isinstance(source, dict) or source.get("uid") != DATASOURCE["uid"]:
            raise BadQueryError("Data source not found")
        points = _positive(query.get("maxDataPoints"), 100)
        step = max(MIN_STEP, _positive(query.get("intervalMs"), 1000) / 1000, (end - start) / points)
        ref_id, expression = str(query.get("refId", "A")), str(query.get("expr", ""))
        instant = bool(query.get("instant"))
        if bool(query.get("range")) or not instant:
            found.append(Query(ref_id, expression, start, end, float(round(step)), instant=False))
        if instant:
            found.append(Query(ref_id, expression, start, end, float(round(step)), instant=True))
    return found


async def run(queries: list[Query], prometheus: httpx.AsyncClient, gap: bool) -> tuple[int, dict[str, Any]]:
    """Run the queries; `gap` withholds the last five minutes (seeded fault grafana-gap).

    Returns:
        The HTTP status and the body.
    """
    results: dict[str, Any] = {}
    for query in queries:
        answer = await _one(query, prometheus, gap)
        before = results.get(query.ref_id)
        if before and "error" not in before:  # range and instant of one query
            answer["frames"] = before["frames"] + answer["frames"]
        results[query.ref_id] = answer
    status = 400 if any("error" in result for result in results.values()) else 200
    return status, {"results": results}


async def _one(query: Query, prometheus: httpx.AsyncClient, gap: bool) -> dict[str, Any]:
    kind = "vector" if query.instant else "matrix"
    nothing = [empty(query.ref_id, query.expression, query.step, kind)]
    end = min(query.end, time.time() - GAP_SECONDS) if gap else query.end
    if gap and (query.instant or end <= query.start):
        return {"status": 200, "frames": nothing}
    path, form = "/api/v1/query", {"query": query.expression, "time": f"{end:.3f}"}
    if not query.instant:
        path = "/api/v1/query_range"
        form = {"query": query.expression, "start": f"{query.start:.3f}", "end": f"{end:.3f}"}
        form["step"] = f"{query.step:g}"
    try:
        answer = await prometheus.post(path, data=form)
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        text = f'Post "{prometheus.base_url.join(path)}": {error}'
        return {"error": text, "errorSource": "downstream", "status": 502, "frames": []}
    if body["status"] != "success":
        text = f"{body['errorType']}: {body['error']}"
        return {"error": text, "errorSource": "downstream", "status": answer.status_code, "frames": nothing}
    return {"status": 200, "frames": frames(query.ref_id, query.expression, query.step, body["data"])}


def _time(value: object, now: float) -> float:
    """`now`, `now-5m` or milliseconds since 1970, in seconds."""
    text = str(value)
    if re.fullmatch(r"\d{1,15}", text):
        return int(text) / 1000
    relative = _RELATIVE.fullmatch(text)
    ago = duration(relative["ago"]) if relative and relative["ago"] else 0.0
    if not relative or ago is None:
        raise BadQueryError("bad request data")
    return now - ago


def _positive(value: object, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else default
