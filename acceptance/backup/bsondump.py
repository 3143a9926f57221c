"""Dump and restore a database in the layout of mongodump: `DB/COLLECTION.bson` and `.metadata.json`.

Stands in where mongodump is not installed, and reads what mongodump wrote. Documents go through as the raw bytes that
the server sent; nothing is decoded and encoded again. Source: checklist item pre.technical.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bson import decode_file_iter, json_util
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database

from acceptance.backup.privatefile import private_file
from acceptance.finding import Finding

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_BATCH = 500


class BackupFailed(Exception):
    """A backup could not be made, or is not what it should be."""


@dataclass(frozen=True)
class Content:
    """What a collection holds: the number of documents, and a digest that their order does not change."""

    documents: int
    digest: str


class Tally:
    """Counts and digests documents while somebody else reads them."""

    def __init__(self) -> None:
        self._documents = 0
        self._sum = 0

    def passing(self, documents: Iterable[RawBSONDocument]) -> Iterator[RawBSONDocument]:
        """Let documents through and count them."""
        for document in documents:
            self._documents += 1
            self._sum += int.from_bytes(hashlib.sha256(document.raw).digest(), "big")
            yield document

    @property
    def content(self) -> Content:
        """All that has passed so far."""
        return Content(self._documents, f"{self._sum % 2**256:064x}")


def collections_of(database: Database[dict[str, Any]]) -> list[str]:
    """Name the collections that hold data: no views, nothing of the server's own."""
    found = database.list_collections()
    names = (each["name"] for each in found if each.get("type", "collection") == "collection")
    return sorted(name for name in names if not name.startswith("system."))


def dump(database: Database[dict[str, Any]], folder: Path) -> dict[str, Content]:
    """Write every collection below `folder` and say what was read from the server.

    Raises:
        OSError: A file cannot be written.
        PyMongoError: The server does not answer.
    """
    inside = folder / database.name
    inside.mkdir(mode=0o700)
    return {name: _dump_one(database, name, inside) for name in collections_of(database)}


def read(path: Path) -> Iterator[RawBSONDocument]:
    """Read the documents of a `.bson` file.

    Raises:
        BackupFailed: The file is missing, cut off or no BSON.
    """
    try:
        with path.open("rb") as stream:
            yield from decode_file_iter(stream, _RAW)
    except (OSError, BSONError) as error:
        raise BackupFailed(f"{path}: expected whole BSON documents, found: {error}; make the backup again") from error


def content_of(documents: Iterable[RawBSONDocument]) -> Content:
    """Count and digest documents, from a file or from a server."""
    tally = Tally()
    for _ in tally.passing(documents):
        pass
    return tally.content


def documents_in(database: Database[dict[str, Any]], name: str) -> Iterator[RawBSONDocument]:
    """Read a collection's documents from the server as they are."""
    yield from _raw(database, name).find()


def restore(folder: Path, scratch: Database[dict[str, Any]], names: Iterable[str]) -> None:
    """Put the collections of a dump's folder, with their indexes, into an empty database.

    Raises:
        BackupFailed: A file is damaged.
        PyMongoError: The server does not take a document or an index.
    """
    for name in names:
        documents = read(folder / f"{name}.bson")
        while batch := list(islice(documents, _BATCH)):
            _raw(scratch, name).insert_many(batch)
        if models := indexes(folder / f"{name}.metadata.json"):
            scratch[name].create_indexes(models)


def index_findings(folder: Path, scratch: Database[dict[str, Any]], name: str) -> list[Finding]:
    """Name the indexes of a dump that a restored collection lacks, by key: each server names them in its own way."""
    wanted = {_described(model.document) for model in indexes(folder / f"{name}.metadata.json")}
    there = {_described(index) for index in scratch[name].list_indexes()} if wanted else set()
    missing = sorted(wanted - there)
    return [Finding("missing index", name, f"the index {index} after the restore", "none") for index in missing]


def _dump_one(database: Database[dict[str, Any]], name: str, inside: Path) -> Content:
    tally = Tally()
    with private_file(inside / f"{name}.bson") as stream:
        for document in tally.passing(documents_in(database, name)):
            stream.write(document.raw)
    there = [dict(index) for index in database[name].list_indexes()]
    facts = {"indexes": there, "collectionName": name, "type": "collection"}
    with private_file(inside / f"{name}.metadata.json") as stream:
        stream.write(json_util.dumps(facts, json_options=json_util.CANONICAL_JSON_OPTIONS).encode())
    return tally.content


def _raw(database: Database[dict[str, Any]], name: str) -> Collection[RawBSONDocument]:
    return database.with_options(_RAW)[name]


def indexes(path: Path) -> list[IndexModel]:
    """Read the indexes of a dump, but for the one that every collection has."""
    try:
        found: list[Mapping[str, Any]] = json_util.loads(path.read_text(encoding="utf-8"))["indexes"]
        kept = [dict(index) for index in found if dict(index["key"]) != {"_id": 1}]
        return [IndexModel(list(index.pop("key").items()), **_options(index)) for index in kept]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed(f"{path}: expected mongodump's metadata, found {error!r}; make the backup again") from error


def _options(index: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in index.items() if name not in ("v", "ns")}


def _described(index: Mapping[str, Any]) -> str:
    return f"{dict(index['key'])}{' unique' if index.get('unique') else ''}"
