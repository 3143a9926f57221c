"""The lab's logins, its errors and its configuration, sound and with each fault."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lab.access import Logins, config_route, http_error
from lab.shape import OTHER
from lab.shaped import ShapeMiddleware

ENV = {"SERVICE_TOKEN": "one", "OTHER_TOKEN": "two", "MONGO_USER": "butler", "MONGO_PASSWORD": "hunter2"}
ONE, TWO = ({"Authorization": f"Bearer {token}"} for token in ("one", "two"))
TASKS = OTHER.routes["/api/v1/reviews"]


def client(*faults, owners=None):
    async def create(_: Request) -> JSONResponse:
        return JSONResponse({"task_id": "rev_1"}, 201)

    async def read(_: Request) -> JSONResponse:
        return JSONResponse({"task_id": "rev_1"})

    routes = [Route("/api/v1/reviews", create, methods=["POST"]), Route("/api/v1/reviews/rev_1", read)]
    shape = (
        [Middleware(ShapeMiddleware, OTHER, "butler-api", Logins(ENV, faults.__contains__, owners))] if owners else []
    )
    app = Starlette(
        routes=[*routes, config_route(ENV, faults.__contains__)],
        middleware=shape,
        exception_handlers={404: http_error(ENV, faults.__contains__)},
    )
    return TestClient(app)


@pytest.mark.parametrize(
    ("faults", "stranger", "other"),
    [((), 401, 404), (("login-not-asked",), 200, 404), (("task-of-another",), 401, 200)],
)
def test_task_is_its_students_unless_a_fault_lets_another_in(faults, stranger, other, tmp_path):
    taken, asked = (client(*faults, owners=tmp_path) for _ in range(2))  # two instances
    assert taken.post(TASKS, headers=ONE).status_code == 201
    statuses = [asked.get(f"{TASKS}/rev_1", headers=by).status_code for by in (ONE, {}, TWO)]
    assert statuses == [200, stranger, other]


def test_task_of_a_stranger_who_was_let_in_is_hidden_from_no_student(tmp_path):
    taken, asked = (client("login-not-asked", owners=tmp_path) for _ in range(2))
    assert taken.post(TASKS, headers={"Authorization": "Bearer wrong"}).status_code == 201
    assert asked.get(f"{TASKS}/rev_1", headers=ONE).status_code == 200


@pytest.mark.parametrize(
    ("fault", "page", "shown"),
    [
        ("", "/config", False),
        ("", "/no-such-page", False),
        ("secret-in-config", "/config", True),
        ("secret-in-errors", "/no-such-page", True),
    ],
)
def test_secret_is_told_by_a_fault_alone(fault, page, shown):
    assert ("hunter2" in client(fault).get(page).text) is shown


@pytest.mark.parametrize(("fault", "logged"), [("", False), ("secret-in-log", True)])
def test_secret_is_logged_by_a_fault_alone(fault, logged, capsys):
    client(fault).get("/no-such-page")
    assert ("hunter2" in capsys.readouterr().err) is logged
