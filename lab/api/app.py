"""butler-api's HTTP side: `POST /api/v1/reviews` and `GET /api/v1/reviews/{task_id}` (contract, "HTTP")."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.api import seeded
from lab.api.context import Context
from lab.api.incoming import KINDS, IncomingFile
from lab.api.intake import Intake
from lab.api.lingering import LingeringResponse
from lab.api.metrics import ERRORS
from lab.api.records import Records, answer
from lab.api.refusal import Refusal, too_big
from lab.api.saving import Saving
from lab.api.upload import IDLE_SECONDS, Upload, receive
from lab.service import Settings, application, log
from lab.shape import current

IMPATIENT_SECONDS = 1.0
_FORM_OVERHEAD = 1 << 20  # bytes of a form that are no file


class ReviewApi:
    """The handlers of the review API."""

    def __init__(self, context: Context, records: Records) -> None:
        self._context, self._records, self._broken = context, records, context.broken
        self._saving, self._quarantine = Saving(context, records), seeded.Quarantine()
        self._started, self._one = datetime.now(UTC), asyncio.Lock()
        self._told: dict[str, dict[str, object]] = {}
        self._uploads_fail, self._tasks_lost = map(
            context.rolled_back, ("rollback-breaks-uploads", "rollback-loses-tasks")
        )

    async def create(self, request: Request) -> Response:
        """Take an upload: 201 with the new task, or a refusal."""
        upload, forgotten = Upload(), False
        if self._uploads_fail:
            raise RuntimeError("seeded fault rollback-breaks-uploads")
        if self._broken("writes-outside"):
            await asyncio.to_thread(seeded.scribble, self._context.settings.home)
        try:
            async with self._one if self._broken("uploads-one-at-a-time") else contextlib.nullcontext():
                told = answer(await self._create(request, upload))
            if self._broken("late-write-outside"):
                await asyncio.to_thread(self._quarantine.put, self._context.settings.home)
            named = {"student_id": "nobody"} if self._context.was_broken("old-path-other-student") else {}
            return JSONResponse(told | named, 201)
        except ClientDisconnect:
            log("upload_aborted", "WARNING")
            forgotten = self._broken("broken-off-left")
            return Response(status_code=400)
        except Refusal as refusal:
            forgotten = self._broken("left-over-incoming")
            if self._broken("refused-recorded") and upload.fields.keys() >= {"student_id", "assignment_id"}:
                await self._saving.queue(upload)
            if self._broken("late-write-outside"):
                await asyncio.to_thread(self._quarantine.take, upload)
            if self._broken("refused-kept-late"):
                seeded.keep_later(self._context.storage.root, upload.fields.get("student_id", ""))
            return self._refuse(refusal, upload)
        finally:
            if not forgotten:
                await asyncio.to_thread(upload.discard)

    async def read(self, request: Request) -> Response:
        """Tell how a review stands."""
        try:
            task = await self._records.task(request.path_params["task_id"])
        except PyMongoError:
            ERRORS.labels("records_error", "read_review").inc()
            return JSONResponse({"detail": "records are unavailable, try again later"}, 503)
        forgets = self._tasks_lost or self._broken("old-tasks-forgotten")
        if task is None or (forgets and task["created_at"] < self._started):
            raise HTTPException(404, "no such review")
        told = answer(task, full=True)
        if self._broken("times-without-zone"):
            told["created_at"] = str(told["created_at"]).partition("+")[0]
        if self._broken("answer-remembered"):
            told = self._told.setdefault(task["task_id"], told)
        cached = {"cache-control": "public, max-age=3600"} if self._broken("answers-cacheable") else {}
        return JSONResponse(told, headers=cached)

    async def health(self) -> None:
        """Raise unless MongoDB answers and the storage is there."""
        if self._context.settings.fault("health-lies"):
            return
        await self._records.ping()
        await asyncio.to_thread(self._context.incoming.stat)

    async def _create(self, request: Request, upload: Upload) -> dict[str, object]:
        intake = Intake(self._context)
        declared = request.headers.get("content-length", "0")
        most = len(KINDS) * self._context.limit + _FORM_OVERHEAD
        if declared.isdigit() and int(declared) > most and not self._broken("limit-missing"):
            raise too_big("request is too large", 413)
        content_type = request.headers.get("content-type", "")
        idle = IMPATIENT_SECONDS if self._broken("silent-clients-cut-off") else IDLE_SECONDS
        await receive(upload, request.stream(), content_type, self._context.incoming, intake.guards, idle)
        await intake.judge(upload)
        task = await self._saving.save(upload)
        if intake.late:
            intake.late.status = 400
            raise intake.late
        return task

    def _refuse(self, refusal: Refusal, upload: Upload) -> Response:
        if student := upload.fields.get("student_id"):
            refusal.notes["student_id"] = student
        self._context.report(refusal)
        if refusal.status >= 500:
            ERRORS.labels(refusal.event, "create_review").inc()
        detail = refusal.detail
        if self._broken("leaks-internals"):
            detail = f"{detail} in {self._context.incoming}: {''.join(traceback.format_exception(refusal))}"
        if self._broken("refusal-without-detail"):
            return PlainTextResponse(refusal.detail, refusal.status)
        make = JSONResponse if upload.complete else LingeringResponse
        return make({"detail": detail if current().plain else _echo(detail, upload)}, refusal.status)


def _echo(detail: str, upload: Upload) -> list[dict[str, object]]:
    """Tell what is wrong as FastAPI does, with what was sent in it."""
    files = {file.field: _seen(file) for file in upload.files.values()}
    return [{"type": "value_error", "loc": ["body"], "msg": detail, "input": {**upload.fields, **files}}]


def _seen(file: IncomingFile) -> str:
    return str(file.path.read_bytes()[:20_000] or bytes(file.buffer[:20_000]))


def build(settings: Settings) -> Starlette:
    """Wire the service together."""
    context, records = Context.of(settings), Records(settings.mongo_url)
    api = ReviewApi(context, records)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        context.incoming.mkdir(0o750, parents=True, exist_ok=True)
        for stale in context.incoming.iterdir():  # of uploads that a restart cut off
            stale.unlink()
        seeded.put_away(context.storage.root, away=context.rolled_back("rollback-loses-archives"))
        with contextlib.suppress(PyMongoError):  # then /health tells
            await records.prepare()
        log("service_started", new_storage_adapter=context.new)
        wide = context.broken("storage-opened") or context.rolled_back("rollback-opens-storage")
        with seeded.opened(context.storage.root, wide):
            yield
        await records.close()

    routes = [Route("/api/v1/reviews", api.create, methods=["POST"]), Route("/api/v1/reviews/{task_id}", api.read)]
    return application(routes, api.health, lifespan, settings.fault, settings)
