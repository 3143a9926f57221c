"""Connect to MongoDB; no answer is no data, neither good nor bad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from acceptance import tally
from acceptance.effects import Effect, seen
from acceptance.observe.store import Store, why
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

WRITES = frozenset(
    ("insert", "update", "delete", "findAndModify", "bulkWrite", "create", "createIndexes", "drop", "dropDatabase")
)
"""The commands of MongoDB that change what is stored."""


class _Commands(CommandListener):
    """Notes each command that writes; a check that did not declare it fails, for a listener cannot refuse."""

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            seen(Effect.DATA, f"MongoDB's {event.command_name} in {event.database_name}")

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name != "endSessions":
            tally.count(f"MongoDB {event.command_name}")

    def failed(self, event: CommandFailedEvent) -> None: ...


@contextmanager
def database(target: Target) -> Iterator[Store]:
    """Connect to the target's database, in the contract's names; whatever keeps us from it is `Inconclusive`."""
    with as_it_is(target) as found:
        yield Store(found, target.mongo.names)


@contextmanager
def as_it_is(target: Target) -> Iterator[Database[dict[str, Any]]]:
    """Connect to the target's database under its own names, for a backup; see `database`."""
    address = target.mongo.url.lower()
    uuids: dict[str, Any] = {} if "uuidrepresentation=" in address else {"uuidRepresentation": "standard"}
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            target.mongo.url,
            serverSelectionTimeoutMS=round(target.http_timeout_s * 1000),
            event_listeners=[_Commands()],
            datetime_conversion="DATETIME_AUTO",  # a time such as the largest of Java is none of Python's
            **uuids,
        )
    except (PyMongoError, OSError, ValueError) as error:  # a name of no host, a file that is not there
        raise _unreachable(target, error) from error
    try:
        # Another member, as the address may prefer, does not hold yet what was stored just now.
        if "directconnection=true" in address and not client.is_primary:  # guard: member-that-lags
            told = "is a secondary: what it holds comes late; name the primary, or leave directConnection out"
            raise Inconclusive(f"MongoDB at MONGODB_URL of {target.source.name} {told}")
        yield client.get_database(target.mongo.database, read_preference=ReadPreference.PRIMARY)
    except (PyMongoError, BSONError) as error:
        raise _unreachable(target, error) from error
    finally:
        client.close()


def _unreachable(target: Target, error: Exception) -> Inconclusive:
    return Inconclusive(
        f"MongoDB did not answer ({why(error)}); check MONGODB_URL of {target.source.name}, "
        "that the server runs and that its user may read the database"
    )
