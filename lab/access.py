"""Who may call a service, and what its errors and its configuration tell, with the faults of both."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.faults import Fault
from lab.log import log

Broken = Callable[[str], bool]

ACCESS_FAULTS: tuple[Fault, ...] = tuple(
    Fault(name, "21_01c", breaks, ("trigger.4",))
    for name, breaks in (
        ("login-not-asked", "a call without a login, or with a wrong one, is served (shape: other)"),
        ("task-of-another", "a student's task is told to another student's login (shape: other)"),
        ("secret-in-errors", "the answer to a page that is not there tells MongoDB's password"),
        ("secret-in-config", "/config shows the env file"),
        ("secret-in-log", "a request for a page that is not there is logged with MongoDB's password"),
    )
)
ODD_FAULTS: tuple[Fault, ...] = tuple(
    Fault(name, "21_01a", f"every service: {breaks}", tuple(f"21_01{stage}.{item}" for stage in "abc"))
    for name, breaks, item in (
        ("odd-requests-crash", "where a flag is on, what should be refused with 4xx is a 500", "rollout.3"),
        ("other-calls-served", "where a flag is on, a path is served by other methods too", "rollout.3"),
        ("odd-requests-always-crash", "what should be refused with 4xx is a 500", "rollout.1"),
    )
)


class Logins:
    """The logins of two students, and whose each task is: a file each, since two instances share them."""

    def __init__(self, env: Mapping[str, str], broken: Broken, owners: Path) -> None:
        self._logins = {f"Bearer {env[name]}" for name in ("SERVICE_TOKEN", "OTHER_TOKEN")}
        self._broken, self._owners = broken, owners
        owners.mkdir(parents=True, exist_ok=True)

    def refusal(self, login: str, path: str) -> Response | None:
        """Turn away who has no login, or asks for a task that is another's."""
        if login not in self._logins and not self._broken("login-not-asked"):
            return JSONResponse({"detail": "Not authenticated"}, 401, headers={"www-authenticate": "Bearer"})
        owner = self._owner(path.rpartition("/")[2]) or login
        if owner != login and login in self._logins and not self._broken("task-of-another"):
            return JSONResponse({"detail": "no such review"}, 404)
        return None

    def keep(self, login: str, task_id: str) -> None:
        """Note whose a new task is; a stranger who was let in owns none."""
        if login not in self._logins:
            return
        with suppress(FileExistsError), (self._owners / _name(task_id)).open("x", encoding="utf-8") as file:
            file.write(login)

    def _owner(self, task_id: str) -> str:
        file = self._owners / _name(task_id)
        return file.read_text(encoding="utf-8") if file.is_file() else ""


def _name(task_id: str) -> str:
    return hashlib.sha256(task_id.encode()).hexdigest()


def http_error(env: Mapping[str, str], broken: Broken) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Make what answers refusals: each has the contract's form `{"detail": "..."}`."""

    async def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail, url = error.detail, f"mongodb://{env.get('MONGO_USER')}:{env.get('MONGO_PASSWORD')}@127.0.0.1"
        new = "true" in {value.lower() for flag, value in env.items() if flag.startswith("USE_")}
        if broken("odd-requests-always-crash") or (new and broken("odd-requests-crash")):
            return JSONResponse({"detail": "internal error"}, 500)
        if error.status_code == 405 and new and broken("other-calls-served"):
            return JSONResponse([])
        if broken("secret-in-log"):
            log("not_found", "WARNING", store=url)
        if broken("secret-in-errors"):
            detail = f"{detail} ({url})"
        return JSONResponse({"detail": detail}, error.status_code, headers=error.headers)

    return answer


def config_route(env: Mapping[str, str], broken: Broken) -> Route:
    """Make `/config`, which a sound service does not have."""

    async def config(_: Request) -> Response:
        if not broken("secret-in-config"):
            raise HTTPException(404)
        return JSONResponse(dict(env))

    return Route("/config", config)
