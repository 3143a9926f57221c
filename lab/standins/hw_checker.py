"""Stand-in for the HW checker (no real one is to be had): its REST API, with an API key on the data calls.

The key goes in the header `X-API-Key`. `/health` answers `{"status":"ok"}`, as the checklist expects.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.service import Settings, application, log, run
from lab.standins.checks import Check, Checks
from lab.standins.parameters import json_object, moment, whole

SLOW_SECONDS = 10.0
Handler = Callable[[Request], Awaitable[Response]]


class HwChecker:
    """The API over one memory of jobs."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.env.get("HW_CHECKER_API_KEY", "")
        self._fault = settings.fault
        self._checks = Checks()

    def routes(self) -> list[Route]:
        """All data calls, each behind the key."""
        return [
            Route("/api/checks_by_date", self._guarded(self._by_date)),
            Route("/api/all_checks_status", self._guarded(self._all)),
            Route("/api/queue_status", self._guarded(self._queue)),
            Route("/api/check_status/{job_id}", self._guarded(self._one)),
            Route("/api/retry_check", self._guarded(self._retry), methods=["POST"]),
            Route("/api/run_check", self._guarded(self._submit), methods=["POST"]),
        ]

    async def health(self) -> None:
        """Raise while the checker is down."""
        if self._fault("hw-checker-down") or self._fault("hw-checker-says-ill"):
            raise RuntimeError("down")

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if self._fault("hw-checker-down"):
                raise HTTPException(503, "Service Unavailable")
            if not self._key or not hmac.compare_digest(
                request.headers.get("x-api-key", "").encode(), self._key.encode()
            ):
                raise HTTPException(401, "Invalid or missing API key")
            if self._fault("hw-checker-slow"):
                await asyncio.sleep(SLOW_SECONDS)
            return await handler(request)

        return guarded

    async def _by_date(self, request: Request) -> Response:
        query = request.query_params
        missing = [name for name in ("start_date", "end_date") if name not in query]
        if missing:  # as FastAPI says it
            return JSONResponse(
                {
                    "detail": [
                        {"type": "missing", "loc": ["query", name], "msg": "Field required", "input": None}
                        for name in missing
                    ]
                },
                422,
            )
        start, end = moment(query["start_date"]), moment(query["end_date"], end_of_day=True)
        limit, offset = whole(query.get("limit", "100"), "limit"), whole(query.get("offset", "0"), "offset")
        found = [c for c in self._checks.newest_first(query.get("assignment")) if start <= c.enqueued_at <= end]
        page = found[offset : offset + limit]
        return JSONResponse(
            {
                "start_date": query["start_date"],
                "end_date": query["end_date"],
                "assignment": query.get("assignment"),
                "total_count": len(found),
                "limit": limit,
                "offset": offset,
                "count": len(page),
                "checks": [check.as_json() for check in page],
            }
        )

    async def _all(self, request: Request) -> Response:
        found = self._checks.newest_first(request.query_params.get("assignment"))
        page = found[: whole(request.query_params.get("limit", "100"), "limit")]
        return JSONResponse({"checks": [check.as_json() for check in page], "total": len(found)})

    async def _queue(self, _: Request) -> Response:
        jobs = self._checks.newest_first()
        states = [job.status for job in jobs]
        return JSONResponse(
            {
                "total_count": len(jobs),
                "queued_count": states.count("queued"),
                "running_count": states.count("running"),
                "completed_count": states.count("passed"),
                "failed_count": 0,
                "jobs": [job.as_json() for job in jobs if job.status in ("queued", "running")],
            }
        )

    async def _one(self, request: Request) -> Response:
        check = self._checks.find("job_id", request.path_params["job_id"])
        if check is None:
            raise HTTPException(404, "Job not found")
        return JSONResponse(check.as_json())

    async def _retry(self, request: Request) -> Response:
        fields = await json_object(request)
        given = [key for key in ("job_id", "archive_name", "commit_hash") if fields.get(key)]
        if not given:
            raise HTTPException(400, "At least one of job_id, archive_name or commit_hash is required")
        check = self._checks.find(given[0], str(fields[given[0]]), fields.get("assignment"))
        if check is None:
            raise HTTPException(404, "Job not found")
        check.enqueued_at = datetime.now(UTC)
        return _accepted(check, f"Job {check.job_id} reset and queued for retry")

    async def _submit(self, request: Request) -> Response:
        fields = await json_object(request)
        student, assignment, url = (
            str(fields.get(key) or "") for key in ("student_id", "assignment", "submission_url")
        )
        if not (student and assignment and url):
            raise HTTPException(422, "student_id, assignment and submission_url are required")
        check = self._checks.submit(student, assignment, url)
        return _accepted(check, "Job received, will start processing soon")


def _accepted(check: Check, message: str) -> Response:
    log("job_queued", job_id=check.job_id, student_id=check.student_id)
    return JSONResponse({"job_id": check.job_id, "status": check.status, "message": message})


if __name__ == "__main__":
    started = Settings.load("hw-checker")
    checker = HwChecker(started)
    run(application(checker.routes(), health=checker.health), started.port)
