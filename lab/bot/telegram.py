"""Serve dialogues in Telegram, by aiogram."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from pymongo.errors import PyMongoError

from lab.bot.messages import Message
from lab.bot.replies import ERROR_TEXT, Reply
from lab.bot.repository import RepositoryError
from lab.service import Settings, log, new_trace
from lab.telegram import PORT

AGAIN_SECONDS = 0.5

Turn = Callable[[Message], Awaitable[tuple[str, Reply]]]


@contextlib.asynccontextmanager
async def polling(turn: Turn, settings: Settings, new_path: bool) -> AsyncIterator[None]:
    """Poll and answer until the end of the block."""
    from aiogram import Bot, Dispatcher, types
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.exceptions import TelegramNetworkError
    from aiogram.utils.backoff import BackoffConfig

    api = TelegramAPIServer.from_base(f"http://127.0.0.1:{settings.ports[PORT]}")
    bot = Bot(settings.env["TELEGRAM_BOT_TOKEN"], session=AiohttpSession(api=api))
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: types.Message) -> None:
        new_trace()
        times = 2 if new_path and settings.fault("telegram-answers-twice") else 1
        text = await _answer(turn, settings, new_path, str(message.chat.id), message.text or "")
        for _ in range(times if text else 0):
            await message.answer(text)

    async def poll() -> None:
        quick = BackoffConfig(min_delay=0.2, max_delay=1.0, factor=1.3, jitter=0.1)
        while True:
            with contextlib.suppress(TelegramNetworkError):  # as a supervisor starts a bot again
                await dispatcher.start_polling(
                    bot, handle_signals=False, close_bot_session=False, backoff_config=quick, polling_timeout=5
                )
            await asyncio.sleep(AGAIN_SECONDS)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.session.close()


async def _answer(turn: Turn, settings: Settings, new_path: bool, user: str, text: str) -> str:
    """Give what the user is sent; nothing where the seeded fault loses it."""
    if new_path and settings.fault("telegram-text-ascii-only"):
        text = text.encode("ascii", "ignore").decode()
    try:
        _, reply = await turn(Message(user, text, f"telegram-{user}"))
    except (PyMongoError, RepositoryError):
        return ERROR_TEXT
    if new_path and settings.fault("telegram-reply-lost"):
        log("reply_not_sent", user_id=user)
        return ""
    return reply.text
