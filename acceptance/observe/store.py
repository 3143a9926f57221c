"""Read and write what a deployment keeps in MongoDB, in the contract's names whatever the deployment calls it.

Only what the suite needs of a database can be asked here, so that nothing passes by the translation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, ObjectId
from bson.binary import OLD_UUID_SUBTYPE, UuidRepresentation
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.cursor import Cursor
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from acceptance.target.naming import DocumentNames, contract_value
from acceptance.verdict import Inconclusive

Document = dict[str, Any]
NEWEST = 50
"""So many documents of a collection are looked through: it may be large, and what is asked for was just written."""
_INT = re.compile(r"[0-9]{1,18}")  # a longer one does not fit into MongoDB's numbers
_OLD_UUIDS = (UuidRepresentation.PYTHON_LEGACY, UuidRepresentation.JAVA_LEGACY, UuidRepresentation.CSHARP_LEGACY)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Found:
    """The documents that a question found, in the contract's names."""

    def __init__(self, ask: Callable[[], Cursor[Document] | list[Document]], within: Documents, hidden: str) -> None:
        self._ask, self._within, self._hidden = ask, within, hidden

    def __iter__(self) -> Iterator[Document]:
        with self._within.asking():
            for document in self._ask():
                told = self._within.told(document)
                yield {name: value for name, value in told.items() if name != self._hidden}

    def newest(self, number: int) -> Found:
        """Take the last written ones, the newest first."""
        with self._within.asking():
            found = last_written(self._ask, number)
        return Found(lambda: found, self._within, self._hidden)


class Documents:
    """One collection. What its server does not answer is `Inconclusive`, and its name is told as the deployment's."""

    def __init__(
        self, collection: Collection[Document], names: Mapping[str, str], values: Mapping[str, str] | None = None
    ) -> None:
        self._collection, self._theirs, self._values = collection, names, values or {}
        self._ours = {theirs: name for name, theirs in names.items()}

    @property
    def name(self) -> str:
        """The deployment's own name of it, with its database's."""
        return self._collection.full_name

    def find(self, wanted: Mapping[str, Any] | None = None, shown: Mapping[str, Any] | None = None) -> Found:
        """Find the documents that match a filter."""
        theirs, hidden = self._wanted(wanted or {}), "_id" if self._shown(shown) == {"_id": False} else ""
        return Found(lambda: self._collection.find(theirs), self, hidden)

    def find_one(self, wanted: Mapping[str, Any], shown: Mapping[str, Any] | None = None) -> Document | None:
        """Find one document that matches a filter."""
        with self.asking():
            found = self._collection.find_one(self._wanted(wanted), self._shown(shown))
        return None if found is None else self.told(found)

    def count_documents(self, wanted: Mapping[str, Any]) -> int:
        """Count the documents that match a filter."""
        with self.asking():
            return self._collection.count_documents(self._wanted(wanted))

    def insert_one(self, document: Mapping[str, Any]) -> None:
        """Write a document."""
        with self.asking():
            self._collection.insert_one(self._asked(document))

    def replace_one(self, wanted: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Write a document in the place of one that matches a filter."""
        with self.asking():
            self._collection.replace_one(self._wanted(wanted), self._asked(document))

    def delete_many(self, wanted: Mapping[str, Any]) -> int:
        """Remove the documents that match a filter; gives their number."""
        with self.asking():
            return self._collection.delete_many(self._wanted(wanted)).deleted_count

    def unique(self) -> list[list[str]]:
        """Give the fields of each unique index that holds for every document in which they are."""
        with self.asking():
            indexes = self._collection.index_information().values()
        whole = [index for index in indexes if index.get("unique") and not _is_partial(index)]
        return [[self._ours.get(key, key) for key, _ in index["key"]] for index in whole]

    def expires(self) -> bool:
        """Tell whether an index removes documents as they grow old."""
        with self.asking():
            return any("expireAfterSeconds" in index for index in self._collection.index_information().values())

    def told(self, document: Document) -> Document:
        """Give a document in the contract's names and values."""
        own = {"_id": document["_id"]} if "_id" in document else {}
        return {**revalued(renamed(plain(document), self._ours), partial(contract_value, self._values)), **own}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Turn an error of MongoDB in this block into `Inconclusive`, with the collection's name.

        Raises:
            Inconclusive: MongoDB did not answer; the message names no address, which may hold a password.
        """
        try:
            yield
        except (PyMongoError, BSONError) as error:  # guard: mongodb-that-is-away
            raise Inconclusive(
                f"MongoDB did not answer for {self.name} ({why(error)}); check MONGODB_URL of the target file"
            ) from error

    def _wanted(self, wanted: Mapping[str, Any]) -> Document:
        return self._asked(however_stored(wanted))

    def _shown(self, shown: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Leave `_id` out only where it is none of the contract's fields."""
        return None if "_id" in self._ours and shown == {"_id": False} else shown

    def _asked(self, value: Mapping[str, Any]) -> Document:
        theirs = revalued(value, lambda name, wanted: self._values.get(f"{name}:{wanted}", wanted))
        return dict(renamed(theirs, self._theirs))


class Store:
    """The database of a deployment; an item of it is a collection, by the contract's name."""

    def __init__(self, database: Database[Document], names: DocumentNames) -> None:
        self._database, self._names = database, names

    def __getitem__(self, name: str) -> Documents:
        return Documents(self._database[self._names.collection(name)], self._names.within(name), self._names.values)

    @property
    def client(self) -> MongoClient[Document]:
        """The server's connection, for what concerns no collection."""
        return self._database.client

    def there(self) -> list[str]:
        """Name all collections that are there, as `Documents.name` does."""
        return [f"{self._database.name}.{name}" for name in self._collections()]

    def holding(self, text: str) -> list[str]:
        """Name the collections of whose newest documents one holds a text, as `Documents.name` does.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        with self["dialog_contexts"].asking():
            collections = [self._database[name] for name in self._collections()]
            newest = {each.full_name: last_written(each.find, NEWEST) for each in collections}
            return [name for name, documents in newest.items() if any(text in str(each) for each in documents)]

    def _collections(self) -> list[str]:
        """Name the collections that this login may ask for; views are none, nor is what MongoDB keeps for itself."""
        found = self._database.list_collection_names(
            filter={"type": "collection"}, nameOnly=True, authorizedCollections=True
        )
        return sorted(name for name in found if not name.startswith("system."))

    def ping(self) -> None:
        """Ask the server whether it is there."""
        self._database.command("ping")


def last_written(ask: Callable[[], Any], number: int) -> list[Document]:
    """Take the last written documents, the newest first: an ObjectId holds its time, else by the order of writing."""
    found = list(ask().sort("_id", -1).limit(number))
    by_time = not found or isinstance(found[0].get("_id"), ObjectId)
    return found if by_time else list(ask().sort("$natural", -1).limit(number))


def _is_partial(index: Mapping[str, Any]) -> bool:
    """Tell whether an index leaves out documents that have its fields."""
    fields, kept = {key for key, _ in index["key"]}, index.get("partialFilterExpression") or {}
    there = (isinstance(each, Mapping) and {*each} <= {"$exists", "$type"} for each in kept.values())
    return not ({*kept} <= fields and all(there))


def why(error: Exception) -> str:
    """Say what kind of error MongoDB gave, without its text: that may hold a password."""
    code = (error.details or {}).get("codeName", error.code) if isinstance(error, OperationFailure) else None
    return f"{type(error).__name__} {code or ''}".rstrip()


def plain(value: Any) -> Any:
    """Give a stored value, at any depth, as Python has it.

    Raises:
        Inconclusive: It is a UUID of the old kind, whose bytes have an order that the address must name.
    """
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return list(map(plain, value))
    if isinstance(value, Binary) and value.subtype == OLD_UUID_SUBTYPE:
        told = "UUIDs are stored in an old order of their bytes, which may be one of three"
        raise Inconclusive(f"{told}; add uuidRepresentation=javaLegacy (or csharpLegacy, pythonLegacy) to MONGODB_URL")
    number = float(value.to_decimal()) if isinstance(value, Decimal128) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def spellings(text: str) -> list[Any]:
    """Give what may be stored of an id: text, or also a number, an ObjectId or a UUID where it looks like one."""
    forms: tuple[tuple[Callable[[str], object], Callable[[str], list[Any]]], ...] = (
        (_INT.fullmatch, lambda each: [int(each)]),
        (ObjectId.is_valid, lambda each: [ObjectId(each)]),
        (_UUID.fullmatch, lambda each: [UUID(each), *(Binary.from_uuid(UUID(each), old) for old in _OLD_UUIDS)]),
    )
    return [text, *(form for looks_so, make in forms if looks_so(text) for form in make(text))]


def however_stored(wanted: Mapping[str, Any]) -> Document:
    """Give a filter that matches each id in any of its spellings."""
    found: Document = {}
    for key, value in wanted.items():
        if key.startswith("$"):
            found[key] = list(map(however_stored, value))
        elif key.endswith("_id") and isinstance(value, str):
            found[key] = {"$in": spellings(value)} if spellings(value)[1:] else value
        elif key.endswith("_id") and isinstance(value, Mapping) and "$in" in value:
            found[key] = {**value, "$in": [form for each in value["$in"] for form in spellings(str(each))]}
        else:
            found[key] = value
    return found


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Rename the fields of a document or a filter, at any depth and in each part of a path with dots."""
    if isinstance(value, Mapping):
        return {
            ".".join(names.get(part, part) for part in key.split(".")): renamed(member, names)
            for key, member in value.items()
        }
    return [renamed(member, names) for member in value] if isinstance(value, list) else value


def revalued(value: Any, swap: Callable[[str, str], str], name: str = "") -> Any:
    """Swap the values of a document or a filter, by the names of their fields; those of an operator are its field's."""
    if isinstance(value, Mapping):
        return {
            key: revalued(member, swap, name if key.startswith("$") else key.rpartition(".")[2])
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [revalued(member, swap, name) for member in value]
    return swap(name, value) if isinstance(value, str) else value
