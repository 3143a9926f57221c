"""Stand-in for Grafana 11 (no real one is to be had): its HTTP API with basic auth, errors included.

`/api/ds/query` really asks the lab's Prometheus.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from lab.certificate import trusting
from lab.service import Settings, run
from lab.shape import current
from lab.standins import ds_query
from lab.standins.dashboard import DATASOURCE, TITLE, UID, dashboard, search_hit

VERSION = {"commit": "ab5a0eb9ad", "database": "ok", "version": "11.6.0"}
_LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Grafana</title></head><body>Sign in</body></html>"
Handler = Callable[[Request], Awaitable[Response]]


class Grafana:
    """The API of one Grafana."""

    def __init__(self, settings: Settings) -> None:
        self._password = settings.env.get("GRAFANA_PASSWORD", "")
        self._fault = settings.fault
        shape = current()
        self._prometheus = httpx.AsyncClient(
            base_url=f"{shape.prometheus_scheme}://127.0.0.1:{settings.ports['prometheus']}{shape.prometheus_path}",
            verify=trusting(settings.home / "infra" / "prometheus"),
            auth=shape.prometheus_login,
            timeout=10,
            trust_env=False,
        )

    def application(self) -> Starlette:
        """Give the ASGI application; a path that is none of these is 404, the removed `/api/dashboards/db/` too."""
        return Starlette(
            routes=[
                Route("/api/health", self._html_or(self._health)),
                Route("/api/search", self._signed_in(self._search)),
                Route("/api/dashboards/uid/{uid}", self._signed_in(self._dashboard)),
                Route("/api/datasources", self._signed_in(self._datasources)),
                Route("/api/ds/query", self._signed_in(self._query), methods=["POST"]),
                Route("/login", _login),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    def _html_or(self, handler: Handler) -> Handler:
        """Give what a proxy's login page in front of Grafana looks like to a client (fault grafana-html)."""

        async def answer(request: Request) -> Response:
            return HTMLResponse(_LOGIN_PAGE) if self._fault("grafana-html") else await handler(request)

        return answer

    def _signed_in(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            return self._refusal(request.headers.get("authorization", "")) or await handler(request)

        return self._html_or(answer)

    def _refusal(self, header: str) -> Response | None:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return JSONResponse(
                {"extra": None, "message": "Unauthorized", "messageId": "auth.unauthorized",
                 "statusCode": 401, "traceID": ""}, 401,
            )  # fmt: skip
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        if self._password and hmac.compare_digest(given, f"admin:{self._password}".encode()):
            return None
        return JSONResponse(
            {"message": "Invalid username or password", "messageId": "password-auth.failed",
             "statusCode": 401, "traceID": ""}, 401,
        )  # fmt: skip

    async def _health(self, _: Request) -> Response:
        return JSONResponse(VERSION)

    async def _search(self, request: Request) -> Response:
        wanted = request.query_params.get("query", "").lower()
        kind = request.query_params.get("type", "dash-db")
        hit = wanted in TITLE.lower() and kind == "dash-db" and not self._fault("grafana-dashboard-missing")
        return JSONResponse([search_hit()] if hit else [])

    async def _dashboard(self, request: Request) -> Response:
        if request.path_params["uid"] != UID or self._fault("grafana-dashboard-missing"):
            return JSONResponse({"message": "Dashboard not found", "traceID": ""}, 404)
        return JSONResponse(dashboard(self._fault("grafana-other-job")))

    async def _datasources(self, _: Request) -> Response:
        return JSONResponse([{"id": 1, "name": "Prometheus", **DATASOURCE, "access": "proxy", "isDefault": True}])

    async def _query(self, request: Request) -> Response:
        try:
            queries = ds_query.read(json.loads(await request.body()))
        except ds_query.BadQueryError as error:
            return JSONResponse({"message": str(error), "traceID": ""}, 400)
        except (ValueError, RecursionError):
            return JSONResponse({"message": "bad request data", "traceID": ""}, 400)
        status, body = await ds_query.run(queries, self._prometheus, self._fault("grafana-gap"))
        return JSONResponse(body, status)


async def _login(_: Request) -> Response:
    return HTMLResponse(_LOGIN_PAGE)


async def _not_found(request: Request, _: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"message": "Not found", "traceID": ""}, 404)
    return HTMLResponse(_LOGIN_PAGE, 404)


if __name__ == "__main__":
    started = Settings.load("grafana")
    run(Grafana(started).application(), started.port)
