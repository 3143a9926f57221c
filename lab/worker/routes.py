"""The worker's HTTP calls (contract, "HTTP": `/homework/*` and `/health/components`)."""

import dataclasses
import json
import re
from collections.abc import Awaitable, Callable
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.service import log
from lab.worker.checker import CheckerError
from lab.worker.homework import Homework

_STUDENT = re.compile(r"\w[\w-]{0,63}")  # the checker's students have names in any alphabet
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_REFUSALS = {
    "not_found": (404, "not known to the HW checker"),
    "rate_limit": (429, "the HW checker takes no more requests now"),
    "api_timeout": (504, "the HW checker did not answer in time"),
    "api_error": (502, "the HW checker failed"),
}


def homework_routes(homework: Homework) -> list[Route]:
    """Give the calls over the HW checker."""

    async def commits(request: Request) -> Response:
        student = _student(request.query_params.get("student_id"))
        days = _days(request.query_params.get("days", "7"))
        try:
            found = await homework.commits(student, days)
        except CheckerError as error:
            _refuse("list_commits", error)
        log("homework_listed", student_id=student, commits=len(found))
        return JSONResponse({"commits": [dataclasses.asdict(commit) for commit in found]})

    async def review(request: Request) -> Response:
        student, commit = _review_request(await request.body())
        try:
            asked = await homework.review(commit)
        except CheckerError as error:
            _refuse("request_review", error)
        log("homework_review_requested", student_id=student, review_id=asked.review_id)
        return JSONResponse(dataclasses.asdict(asked), 202)

    async def status(request: Request) -> Response:
        try:
            found = await homework.status(request.path_params["review_id"])
        except CheckerError as error:
            _refuse("get_status", error)
        return JSONResponse(dataclasses.asdict(found))

    return [
        Route("/homework/list", commits),
        Route("/homework/reviews", review, methods=["POST"]),
        Route("/homework/reviews/{review_id}", status),
    ]


def components_route(states: Callable[[], Awaitable[dict[str, str]]]) -> Route:
    """`/health/components`: always 200, the states are in the body."""

    async def components(_: Request) -> Response:
        return JSONResponse(await states())

    return Route("/health/components", components)


def _refuse(operation: str, error: CheckerError) -> NoReturn:
    status, detail = _REFUSALS[error.error_type]
    level = "ERROR" if status >= 500 else "WARNING"
    log("hw_checker_failed", level, operation=operation, error_type=error.error_type)
    raise HTTPException(status, detail) from None


def _student(value: object) -> str:
    if not isinstance(value, str) or not _STUDENT.fullmatch(value):
        raise HTTPException(422, "student_id: expected 1 to 64 letters, digits, _ or -")
    return value


def _days(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= 365):
        raise HTTPException(422, "days: expected a whole number from 1 to 365")
    return int(value)


def _review_request(body: bytes) -> tuple[str, str]:
    """Student and commit of a review request."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(422, "expected a JSON body") from None
    if not isinstance(fields, dict):
        raise HTTPException(422, "expected a JSON object")
    commit = fields.get("commit_hash")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise HTTPException(422, "commit_hash: expected 7 to 64 hex digits")
    return _student(fields.get("student_id")), commit
