"""Start butler-bot: `python -m lab.bot`, with LAB_HOME naming the lab's folder."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.bot.contexts import Contexts, DirectContexts
from lab.bot.messages import BODY_LIMIT, MESSAGE_LIMIT, Message, parse
from lab.bot.metrics import DURATION, ERRORS, MESSAGES, export_fault_gauges
from lab.bot.replies import Reply
from lab.bot.repository import ContextRepository, RepositoryError
from lab.bot.telegram import polling
from lab.bot.turn import Dialog, ForeignSessionError
from lab.documents import database
from lab.flags import flag_of
from lab.service import Settings, application, log, run
from lab.telegram import in_telegram

FLAG = flag_of("21_01a")


def build(settings: Settings) -> Starlette:
    """Make the application with the path that the flag chose at process start."""
    mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_url, serverSelectionTimeoutMS=2000, timeoutMS=3000
    )
    collection = database(mongo)["dialog_contexts"]
    new_path = settings.flag(FLAG) and not settings.fault("dialog-flag-ignored")
    direct = DirectContexts(collection)
    contexts: Contexts = ContextRepository(direct, settings) if new_path else direct
    dialog = Dialog(contexts, settings, new_path)
    export_fault_gauges(settings)

    used: set[object] = set()

    async def messages(request: Request) -> Response:
        if dialog.broken("dialog-kept-connection-fails"):
            if request.client in used:
                raise HTTPException(503, "try again later")
            used.add(request.client)
        with DURATION.time():
            return await _answer(dialog, request)

    async def turn(message: Message) -> tuple[str, Reply]:
        with DURATION.time():
            return await _counted(dialog, message)

    async def ping() -> None:
        await mongo.admin.command("ping")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            await collection.create_index("session_id", unique=True)
        except PyMongoError as error:  # /health says it as long as it lasts
            log("index_not_created", "ERROR", error_type=type(error).__name__)
        log("service_started", new_dialog_context_repo=new_path)
        async with polling(turn, settings, new_path) if telegram else contextlib.nullcontext():
            yield
        await mongo.close()

    telegram = in_telegram()
    routes = [] if telegram else [Route("/api/v1/dialog/messages", messages, methods=["POST"])]
    return application(routes, health=ping, lifespan=lifespan, fault=settings.fault, settings=settings)


async def _answer(dialog: Dialog, request: Request) -> Response:
    """Serve one message: 200, else 403 (another user's session), 413, 422 or 503 (no context)."""
    try:
        message = parse(await _body(request), MESSAGE_LIMIT - dialog.broken("dialog-longest-refused"))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    try:
        session, reply = await _counted(dialog, message)
    except ForeignSessionError:
        raise HTTPException(403, "session belongs to another user") from None
    except (PyMongoError, RepositoryError):
        raise HTTPException(503, "dialogue context is not available, try again later") from None
    return JSONResponse({"session_id": session, "reply": reply.text, "mode": reply.mode})


async def _counted(dialog: Dialog, message: Message) -> tuple[str, Reply]:
    """Run a turn, and count and log how it went."""
    try:
        session, reply = await dialog.turn(message)
    except (PyMongoError, RepositoryError) as error:
        ERRORS.labels(type(error).__name__, "dialog").inc()
        MESSAGES.labels("error").inc()
        log("dialog_turn_failed", "ERROR", error_type=type(error).__name__, user_id=message.user_id)
        raise
    MESSAGES.labels("success").inc()
    told = {"text": message.text} if dialog.broken("dialog-words-logged") else {}
    log("dialog_turn", session_id=session, mode=reply.mode, **told)
    return session, reply


async def _body(request: Request) -> bytes:
    """Read the body, and refuse it as soon as it grows too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"expected at most {BODY_LIMIT} bytes")
    return bytes(body)


if __name__ == "__main__":
    started = Settings.load("butler-bot")
    if started.flag(FLAG) and started.fault("bot-does-not-come-back"):
        raise SystemExit(1)
    run(build(started), started.port)
