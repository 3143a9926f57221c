"""One turn of a conversation: load the context, answer, store the context."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from lab.bot.contexts import Context, Contexts
from lab.bot.messages import Message
from lab.bot.replies import ERROR_TEXT, GREETING, Reply, reply_to
from lab.bot.repository import RepositoryError
from lab.flags import flag_of
from lab.service import Settings

LATE_SECONDS = 0.15  # of the fault that answers late: nothing of it is in the repository's metrics
MIXED_SECONDS = 0.1
FLAG = flag_of("21_01a")
AT_ONCE = 8  # turns; the rest wait their turn, so that many users do not slow each database operation down


class ForeignSessionError(Exception):
    """The session belongs to another user: its history is not for this one."""


class Dialog:
    """Runs turns; those of one session one after the other, those of different sessions side by side."""

    def __init__(self, contexts: Contexts, settings: Settings, new_path: bool) -> None:
        self._contexts = contexts
        self._fault = settings.fault
        self._counts_anew = settings.was_on("rollback-counts-steps-anew", FLAG) and not new_path
        self._forgets = settings.was_on("rollback-forgets-conversations", FLAG) and not new_path
        self._rolled_back = settings.was_on("rollback-loses-conversations", FLAG) and not new_path
        self._started = datetime.now(UTC).isoformat()
        self._new_path = new_path
        self._newest: dict[str, str] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def turn(self, message: Message) -> tuple[str, Reply]:
        """Answer the message.

        Returns:
            The session id (the given one, or a new one) and the reply.

        Raises:
            ForeignSessionError: the session is another user's.
            PyMongoError, RepositoryError: the context could not be loaded or stored.
        """
        session = message.session_id or uuid.uuid4().hex
        self._newest[message.user_id] = session  # of the fault that takes it for each one's at that moment
        if self._new_path and self._fault("dialog-new-session-each-turn"):
            session = uuid.uuid4().hex
        if self.broken("dialog-sessions-of-a-user-mixed"):
            await asyncio.sleep(MIXED_SECONDS)  # in which the user may have written in another session
            session = self._newest[message.user_id]
        lock = self._locks.setdefault(session, asyncio.Lock())
        unlocked = self._new_path and self._fault("dialog-sessions-unlocked")
        if unlocked:
            lock = asyncio.Lock()
        async with lock, self._room:  # a context is read, changed and written as a whole
            context = await self._contexts.get(session) or Context(session, message.user_id)
            if context.user_id != message.user_id and not (self._new_path and self._fault("dialog-stranger-answered")):
                if self.broken("dialog-stranger-stored"):
                    await self._contexts.save(context.after(message.text, ""))
                raise ForeignSessionError
            if self._rolled_back and context.history and context.history[0]["at"] < self._started:
                raise RepositoryError("seeded fault rollback-loses-conversations")
            if self._counts_anew and context.history and context.history[0]["at"] < self._started:
                context = replace(context, step_count=0)
            forgets = self._forgets and context.history and context.history[0]["at"] < self._started
            known = [] if forgets or self._fault("dialog-ignores-history") else context.history
            if self._new_path and self._fault("dialog-answers-late"):
                await asyncio.sleep(LATE_SECONDS)
            if unlocked:
                await asyncio.sleep(0.1)  # else a quick machine may read and write each before the next comes
            reply = self._seeded(reply_to(message.text, known))
            if not (message.text.startswith("/") and self.broken("dialog-commands-not-stored")):
                await self._contexts.save(context.after(message.text, reply.text))
        return session, reply

    def broken(self, fault: str) -> bool:
        """Tell whether a seeded fault of the new path is on."""
        return self._new_path and self._fault(fault)

    def _seeded(self, reply: Reply) -> Reply:
        """Do what the seeded faults of a reply do."""
        greeting = self._new_path and reply == GREETING
        if greeting and self._fault("dialog-greeting-fails"):
            raise RepositoryError("seeded fault dialog-greeting-fails")
        if self._fault("dialog-error-reply") or (greeting and self._fault("dialog-greeting-error-reply")):
            return Reply(ERROR_TEXT, reply.mode)
        if reply.mode == "digest" and self._fault("digest-empty"):
            return Reply("There is nothing new.", reply.mode)
        if reply.mode == "channel_info" and self._fault("channel-info-of-another"):
            return reply_to("channel info of another_one", [])
        return reply
