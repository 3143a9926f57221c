"""Dialogue contexts in MongoDB, the old way: straight to the collection (contract, `dialog_contexts`)."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from pymongo.asynchronous.collection import AsyncCollection

HISTORY_LIMIT = 200  # entries kept; a long soak must not grow one document without end


@dataclass(frozen=True)
class Context:
    """One conversation as it is stored.

    Attributes:
        session_id: unique.
        user_id: whose conversation it is.
        state: `active`; the old code knows no other that outlives a turn.
        history: entries `{"role": "user"|"butler", "text", "at"}`, oldest first.
        step_count: turns so far; unlike the history it is never cut.
    """

    session_id: str
    user_id: str | int
    state: str = "active"
    history: list[dict[str, str]] = field(default_factory=list)
    step_count: int = 0

    def after(self, message: str, reply: str) -> "Context":
        """Give the context with one more turn."""
        at = datetime.now(UTC).isoformat()
        turn = [{"role": "user", "text": message, "at": at}, {"role": "butler", "text": reply, "at": at}]
        return replace(self, history=[*self.history, *turn][-HISTORY_LIMIT:], step_count=self.step_count + 1)


class Contexts(Protocol):
    """Where a turn gets its conversation from and leaves it: the seam that the feature flag switches."""

    async def get(self, session_id: str) -> Context | None:
        """Give the stored context, or None for a session not seen before."""
        ...

    async def save(self, context: Context) -> None:
        """Store the context over the one before."""
        ...


class DirectContexts:
    """The old path: the collection itself."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection

    async def get(self, session_id: str) -> Context | None:
        """See Contexts."""
        found = await self._collection.find_one({"session_id": session_id})
        if found is None:
            return None
        return Context(
            session_id=found["session_id"],
            user_id=str(found["user_id"]),
            state=found["state"],
            history=list(found["data"].get("history", [])),
            step_count=found["step_count"],
        )

    def elsewhere(self, name: str) -> "DirectContexts":
        """Give the contexts of another collection."""
        return DirectContexts(self._collection.database[name])

    async def forget(self, session_id: str) -> None:
        """Remove a context with all that others stored in it, of dialog-fields-dropped."""
        await self._collection.delete_one({"session_id": session_id})

    async def save(self, context: Context) -> None:
        """See Contexts; the history is set as a whole list, as the lab's wire server mangles `$push`."""
        await self._collection.update_one(
            {"session_id": context.session_id},
            {
                "$set": {
                    "user_id": context.user_id,
                    "state": context.state,
                    "data": {"history": context.history},
                    "step_count": context.step_count,
                },
                "$currentDate": {"updated_at": True},
            },
            upsert=True,
        )
