"""Servers that misbehave as real ones do, each on a free port of its own."""

import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from served import answering

Answer = Callable[[str], tuple[int, str, bytes]]


@contextmanager
def server(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve ``answer(path) -> (status, content type, body)``; gives the address."""

    def told(asked: Any) -> tuple[int, bytes, dict[str, str]]:
        status, kind, body = answer(asked.path)
        return status, body, {"Content-Type": kind}

    with answering(told, context) as url:
        yield url.replace("http", "https" if context else "http", 1)


def expired_tls(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A context with a certificate of our own that ended years ago."""
    key, request, certificate = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl = partial(subprocess.run, check=True, capture_output=True)
    openssl(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *subject])
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    ends = ["-days", "-1", "-extfile", str(folder / "extensions")]
    openssl(["openssl", "x509", "-req", "-in", request, "-signkey", key, "-out", certificate, *ends])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def vector(*rows: tuple[Mapping[str, str], float]) -> bytes:
    """An answer of Prometheus: an instant vector of (labels, value)."""
    result = [{"metric": labels, "value": [0, str(value)]} for labels, value in rows]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def matrix(*rows: tuple[Mapping[str, str], float]) -> bytes:
    """An answer of Prometheus: one raw sample for each of (labels, its time)."""
    result = [{"metric": labels, "values": [[at, "1"]]} for labels, at in rows]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def prometheus(ahead: float = 0.0, starts: Callable[[], int] = lambda: 0, up: int = 1000) -> Answer:
    """Answers of a Prometheus that knows its time and its start, and that every query gives one good series.

    Args:
        ahead: Seconds that its clock is ahead of ours.
        starts: Gives the year in which it says that it started.
        up: Scrapes that it counts.
    """

    def answer(path: str) -> tuple[int, str, bytes]:
        now, data = time.time() + ahead, dict[str, object]()
        if "runtimeinfo" in path:
            data = {"startTime": f"{2001 + starts()}-01-01T00:00:00.123456789Z"}
        elif "query=time%28" in path:
            data = {"resultType": "scalar", "result": [now, str(now)]}
        elif "%5B" in path:  # raw samples
            points = [[now - age / 100, "1"] for age in range(200, -1, -1)]
            labels = {"__name__": "up"}
            data = {"resultType": "matrix", "result": [{"metric": labels, "values": points}]}
        elif "query_range" in path:
            data = {"resultType": "matrix", "result": [{"metric": {}, "values": [[now - 0.1, "1"], [now, "1"]]}]}
        else:
            value = now if "query=timestamp" in path else up
            data = {"resultType": "vector", "result": [{"metric": {}, "value": [now, str(value)]}]}
        return 200, "application/json", json.dumps({"status": "success", "data": data}).encode()

    return answer
