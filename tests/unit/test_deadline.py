"""An answer that trickles for ever is one that does not come, whoever asked: no answer, or no data, in time."""

import asyncio
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from served import served

from acceptance.observe.alerting import Alerting
from acceptance.observe.grafana import Grafana
from acceptance.observe.health import health_fault
from acceptance.observe.loki import Loki
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.server import Server
from acceptance.probes.http.client import Caller
from acceptance.target.parts import Service
from acceptance.verdict import Inconclusive, Refused

PATIENCE_S = 0.1
LONGEST_S = 5.0
"""So long the trickle lasts, that a test without a deadline fails and does not hang."""


class Trickle(BaseHTTPRequestHandler):
    """Sends one space after the other of a large JSON answer."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(1 << 30))
        self.end_headers()
        end = time.monotonic() + LONGEST_S
        with suppress(OSError):  # the client has left
            while time.monotonic() < end:
                self.wfile.write(b" ")

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with served(ThreadingHTTPServer(("127.0.0.1", 0), Trickle)) as url:
        yield url


async def awaited(caller):
    async with caller.async_client(1) as client:
        return await caller.apost(client, "/x", {})


ASK = {
    "query": lambda url: Prometheus(url, PATIENCE_S).instant("up"),
    "start of Prometheus": lambda url: Prometheus(url, PATIENCE_S).started(),
    "rules": lambda url: Alerting(Server("Prometheus", url, "KEY", PATIENCE_S)).rule_findings(60),
    "Loki": lambda url: Loki(url, PATIENCE_S).label_values("service", 0, 1),
    "Grafana": lambda url: Grafana(url, "a", "b", PATIENCE_S).health_findings()[0],
    "call of a user": lambda url: Caller(url, PATIENCE_S).get("/x").exchange.explain(),
    "call among others": lambda url: asyncio.run(awaited(Caller(url, PATIENCE_S))).exchange.explain(),
    "health": lambda url: health_fault(Service("api", "butler-api", url, "", "", ""), PATIENCE_S),
}


def test_a_socks_proxy_without_its_library_is_refused(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(Refused, match="expected no SOCKS proxy"):
        Caller("http://127.0.0.1:1", PATIENCE_S).get("/x")


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_an_answer_without_an_end_is_none(url, ask):
    begin = time.monotonic()
    try:
        said = str(ask(url))
    except Inconclusive as none:
        said = str(none)
    told = "ReadTimeout" in said or "no end within 0.3 s" in said
    assert (told, time.monotonic() - begin < LONGEST_S) == (True, True), said
