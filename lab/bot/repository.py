"""The new path behind USE_NEW_DIALOG_CONTEXT_REPO: a repository that measures what it does (stage 21_01a)."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from pymongo.errors import PyMongoError

from lab.bot.contexts import Context, DirectContexts
from lab.bot.seeded import damaged
from lab.measured import Measured
from lab.service import Settings, log

SLOW_SECONDS = 0.25  # the fault's delay: over the SLO of 100 ms and over twice a usual baseline
SELDOM_SLOW_SECONDS = 0.15  # of one in ten: a p95 between the SLO of 100 ms and the trigger's 200 ms
CUT_NAME = 40  # characters: a session that the service itself named has fewer
NEAR_SECONDS = 0.05  # reads of two users within this are mixed up by dialog-mixes-users


class RepositoryError(RuntimeError):
    """The repository could not serve a request."""


class ContextRepository:
    """Contexts behind an interface, with the contract's metrics; stores the same documents as the old path.

    The metrics are made here, so that the old path exports none of them.
    """

    def __init__(self, contexts: DirectContexts, settings: Settings) -> None:
        self._contexts = contexts
        self._fault = settings.fault
        self._calls, self._saves = itertools.count(1), itertools.count(1)
        self._started = datetime.now(UTC).isoformat()
        self._cache: dict[str, Context] = {}
        self._read: tuple[float, Context | None] = (0.0, None)
        self._measure = Measured(
            "dialog_context_repository_operations",
            "dialog_context_repository_latency_seconds",
            "Operations on dialogue contexts",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            error_type=lambda _: "storage_error",
        )

    async def get(self, session_id: str) -> Context | None:
        """See Contexts.

        Raises:
            RepositoryError: MongoDB did not answer.
        """
        async with self._measured("get"):
            name = self._name(session_id)
            known = self._cache.get(name) if self._fault("dialog-contexts-cached") else None
            context = known or await self._contexts.get(name)
        return context and self._damaged(context)

    async def save(self, context: Context) -> None:
        """See Contexts.

        Raises:
            RepositoryError: MongoDB did not answer.
        """
        async with self._measured("save"):
            if not self._fault("dialog-not-stored"):
                context = replace(context, session_id=self._name(context.session_id))
                if self._fault("dialog-fields-dropped"):
                    await self._contexts.forget(context.session_id)
                await self._contexts.save(damaged(context, self._fault, next(self._saves)))
                if self._fault("dialog-contexts-cached"):
                    self._cache[context.session_id] = context
            if self._fault("dialog-copy-elsewhere"):
                await self._contexts.elsewhere("dialog_contexts_v2").save(context)
            if self._fault("dialog-copy-left"):
                await self._contexts.save(replace(context, session_id=f"{context.session_id}-copy"))

    def _name(self, session_id: str) -> str:
        return session_id[:CUT_NAME] if self._fault("dialog-session-names-cut") else session_id

    @asynccontextmanager
    async def _measured(self, operation: str) -> AsyncIterator[None]:
        """Count and time one operation, with its seeded faults."""
        with self._measure(operation):
            try:
                await self._seeded()
                yield
            except (PyMongoError, RepositoryError) as error:
                raise RepositoryError(f"{operation} failed: {error}") from error

    def _damaged(self, context: Context) -> Context | None:
        """Do what the seeded faults of a stored conversation do."""
        (at, other), self._read = self._read, (time.monotonic(), context)
        if self._fault("dialog-loses-history"):
            return replace(context, history=[])
        if self._fault("dialog-history-cut"):
            return replace(context, history=context.history[-2:])
        if self._fault("dialog-old-sessions-lost") and context.history and context.history[-1]["at"] < self._started:
            return None
        near = other is not None and other.user_id != context.user_id and self._read[0] - at < NEAR_SECONDS
        if other and near and self._fault("dialog-mixes-users"):
            return replace(context, history=other.history)
        return context

    async def _seeded(self) -> None:
        """Do what the seeded faults of an operation do."""
        if self._fault("dialog-warns"):
            log("repository_deprecated", "WARNING")
        call = next(self._calls)
        if self._fault("dialog-slow"):
            await asyncio.sleep(SLOW_SECONDS)
        if self._fault("dialog-slow-seldom") and call % 10 == 3:
            await asyncio.sleep(SELDOM_SLOW_SECONDS)
        for fault, every, begin in (("dialog-errors", 10, 0), ("dialog-errors-seldom", 50, 17)):
            if self._fault(fault) and call % every == begin:
                raise RepositoryError(f"seeded fault {fault}")
