"""A service of another shape: the same service, in other words."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lab.ports import claim
from lab.service import Settings, application, take_shared
from lab.shape import OTHER


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The API with one call that says what it was asked."""
    monkeypatch.setenv("LAB_SHAPE", "other")
    monkeypatch.chdir(tmp_path)

    async def ask(request: Request) -> JSONResponse:
        return JSONResponse({"task_id": request.path_params["id"], "asked": [await request.json()], "mode": "talk"})

    async def well() -> None:
        return None

    routes = [Route("/api/v1/reviews/{id}", ask, methods=["POST"])]
    settings = Settings(tmp_path, "butler-api", {}, {"SERVICE_TOKEN": "t", "OTHER_TOKEN": "o"})
    return TestClient(application(routes, well, settings=settings), headers={"Authorization": "Bearer t"})


def test_health_is_a_redirect_away_and_asks_for_no_login(service: TestClient) -> None:
    assert service.get("/health", follow_redirects=False).status_code == 307
    assert service.get("/health").status_code == 200
    assert service.get("/health/", headers={"Authorization": ""}).status_code == 200
    assert service.post("/v2/submissions/1", headers={"Authorization": ""}).status_code == 401


def test_calls_and_answers_have_other_names(service: TestClient) -> None:
    answer = service.post("/v2/submissions/1", json={"learner_id": "9", "other": 1})
    assert answer.json() == {"submission_id": "1", "asked": [{"learner_id": "9", "other": 1}]}
    assert service.post("/api/v1/reviews/1", json={}).status_code == 404


def test_metrics_have_other_names_and_no_start(service: TestClient) -> None:
    told = service.get("/metrics").text
    assert "process_cpu_seconds_total" in told
    assert "process_start_time" not in told
    told = 'helper_messages_total{job="a",outcome="failed"} 1'
    assert OTHER.told('butler_messages_total{job="a",status="error"} 1') == told


def test_metrics_of_each_instance_show_the_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LAB_SHAPE": "other", "LAB_HOME": str(tmp_path), "LAB_INSTANCE": "butler-api-1"}.items():
        monkeypatch.setenv(name, value)
    held, ports = claim()
    (tmp_path / "ports.json").write_text(json.dumps(ports))
    app = application([], lambda: asyncio.sleep(0), fault={"metrics-gone"}.__contains__)
    sockets = take_shared(app, ports["butler-api"]) or []
    with held, sockets[0], httpx.Client(transport=httpx.HTTPTransport(retries=5)) as prometheus:
        assert prometheus.get(f"http://127.0.0.1:{ports['butler-api-1']}/metrics").status_code == 503
