"""Documents are asked for, written and given back in the contract's names, whatever the deployment calls them."""

from contextlib import nullcontext
from types import SimpleNamespace
from uuid import UUID

import pytest
from bson import Binary, Decimal128, ObjectId
from bson.binary import CSHARP_LEGACY, JAVA_LEGACY, PYTHON_LEGACY
from bson.errors import InvalidBSON
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from small_target import small_target

from acceptance.observe import mongo
from acceptance.observe.collections import unknown_fields
from acceptance.observe.store import Store, spellings
from acceptance.target.naming import DocumentNames
from acceptance.verdict import Inconclusive

NAMES = DocumentNames(
    {"review_archives": "archives", "long_tasks": "jobs"},
    {"student_id": "studentId", "review_archives:kind": "type", "finished_at": "end"},
    {"kind:new": "fresh"},
)
UUID_OF_OURS = UUID("0b7d8b1e-6f5a-4a43-9c87-1f2a3b4c5d6e")
OLD_UUIDS = [Binary.from_uuid(UUID_OF_OURS, order) for order in (PYTHON_LEGACY, JAVA_LEGACY, CSHARP_LEGACY)]
STORED = {"_id": 7, "studentId": "9", "type": "fresh", "metadata": {"studentId": "9"}}
CONTRACT = {"_id": 7, "student_id": "9", "kind": "new", "metadata": {"student_id": "9"}}


class Server:
    """A database with one collection; notes what it was asked and written."""

    name = "assistance"

    def __init__(self, trouble=None):
        self.trouble, self.asked = trouble, []

    def __getitem__(self, name):
        self.full_name = f"{self.name}.{name}"
        return self

    def find_one(self, *asked):
        self.asked += asked
        if self.trouble:
            raise self.trouble
        return STORED

    def find(self, *asked):
        return [self.find_one(*asked)]

    def insert_one(self, document):
        self.asked.append(document)

    def delete_many(self, wanted):
        self.asked.append(wanted)
        return SimpleNamespace(deleted_count=3)

    def index_information(self):
        few = {"key": [("path", 1)], "unique": True, "partialFilterExpression": {"path": {"$gt": "m"}}}
        some = {"key": [("path", 1)], "unique": True, "partialFilterExpression": {"active": True}}
        return {"a": {"key": [("studentId", 1)], "unique": True}, "b": {"key": [("type", 1)]}, "c": some, "d": few}


@pytest.mark.parametrize("ask", ["find_one", "find"])
def test_a_question_and_its_answer_are_translated(ask):
    server = Server()
    found = getattr(Store(server, NAMES)["review_archives"], ask)(
        {"$or": [{"student_id": {"$in": ["9"]}}, {"metadata.student_id": "9"}], "kind": {"$in": ["new", "logs"]}}
    )
    assert (found if ask == "find_one" else next(iter(found))) == CONTRACT
    told = {id: next(iter(Store(server, NAMES)["review_archives"].find({}, {"_id": id}))) for id in (True, False)}
    assert ["_id" in told[id] for id in (True, False)] == [True, False]
    either = [{"studentId": {"$in": ["9", 9]}}, {"metadata.studentId": {"$in": ["9", 9]}}]
    wanted = {"$or": either, "type": {"$in": ["fresh", "logs"]}}
    assert (server.full_name, server.asked[0]) == ("assistance.archives", wanted)


def test_what_is_written_and_removed_is_translated():
    server = Server()
    store = Store(server, NAMES)
    store["review_archives"].insert_one(CONTRACT)
    assert store["long_tasks"].delete_many({"student_id": "x", "kind": "x"}) == 3
    assert server.asked == [STORED, {"studentId": "x", "kind": "x"}]  # only the archives have another kind
    assert store["long_tasks"].unique() == [["student_id"]]


def test_a_deployment_with_the_contracts_names_is_asked_as_it_is():
    server = Server()
    assert Store(server, DocumentNames())["long_tasks"].find_one({"student_id": "x"}) == STORED
    assert (server.full_name, server.asked[0]) == ("assistance.long_tasks", {"student_id": "x"})


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("65f000000000000000000001", [ObjectId("65f000000000000000000001")]),
        ("0b7d8b1e-6f5a-4a43-9c87-1f2a3b4c5d6e", [UUID_OF_OURS, *OLD_UUIDS]),
        ("42", [42]),
        ("1" * 21, []),
        ("rev_1", []),
    ],
)
def test_an_id_is_found_however_it_is_stored(text, others):
    assert spellings(text) == [text, *others]
    server = Server()
    Store(server, DocumentNames(fields={"task_id": "_id"}))["long_tasks"].find_one({"task_id": text}, {"_id": False})
    assert server.asked == [{"_id": {"$in": [text, *others]} if others else text}, None]


def test_an_id_that_is_the_documents_own_is_told_by_both_names():
    found = Store(Server(), DocumentNames(fields={"task_id": "_id"}))["long_tasks"].find_one({})
    assert (found["task_id"], found["_id"]) == (7, 7)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (ServerSelectionTimeoutError("mongodb://u:pw@h"), r"ServerSelectionTimeoutError\)"),
        (InvalidBSON("pw"), r"InvalidBSON\)"),
        (OperationFailure("pw", 13, {"codeName": "Unauthorized"}), r"OperationFailure Unauthorized\)"),
    ],
)
def test_trouble_names_the_deployments_own_collection_and_no_address(trouble, code):
    store = Store(Server(trouble), NAMES)
    with pytest.raises(Inconclusive, match=rf"did not answer for assistance\.jobs \({code}") as told:
        store["long_tasks"].find_one({})
    assert "pw" not in str(told.value)


def test_numbers_are_plain_and_a_uuid_whose_order_nobody_knows_is_inconclusive():
    server = Server()
    server.find_one = lambda *_: {"_id": 7, "sizes": [Decimal128("12"), 3.0, 0.5]}
    document = Store(server, NAMES)["long_tasks"].find_one({})
    assert [(each, type(each)) for each in document["sizes"]] == [(12, int), (3, int), (0.5, float)]
    server.find_one = lambda *_: {"_id": 7, "task_id": OLD_UUIDS[1]}
    with pytest.raises(Inconclusive, match="uuidRepresentation=javaLegacy"):
        Store(server, NAMES)["long_tasks"].find_one({})


@pytest.mark.parametrize(
    ("more", "primary", "given"),
    [("", None, "standard"), ("&uuidRepresentation=javaLegacy", True, None), ("", False, None)],
)
def test_a_member_that_lags_is_inconclusive_and_the_address_names_the_order_of_uuids(
    tmp_path, monkeypatch, more, primary, given
):
    seen = {}

    def client(_, **options):
        seen.update(options)
        return SimpleNamespace(is_primary=primary, get_database=lambda *_, **__: None, close=lambda: None)

    monkeypatch.setattr(mongo, "MongoClient", client)
    direct = "" if primary is None else "directConnection=true"
    target = small_target(tmp_path, MONGODB_URL=f"mongodb://h/?{direct}{more}")
    told = pytest.raises(Inconclusive, match="is a secondary") if primary is False else nullcontext()
    with told, mongo.as_it_is(target):
        assert seen.get("uuidRepresentation") == given


@pytest.mark.parametrize("url", ["butler:p@ss@h/x", "h/x?tls=true&tlsCAFile=/nowhere/ca.pem"])
def test_an_address_that_pymongo_refuses_is_inconclusive(tmp_path, url):
    target = small_target(tmp_path, MONGODB_URL=f"mongodb://{url}")
    with pytest.raises(Inconclusive, match="did not answer"), mongo.database(target):
        pass


def test_a_field_that_no_document_has_is_called_otherwise():
    class Newest(Server):
        def find(self, *_):
            return self

        def sort(self, *_):
            return self

        def limit(self, _):
            return [STORED | {"sha256": "x"}, STORED] if "archives" in self.full_name else []

    found = unknown_fields(Store(Newest(), NAMES))
    assert {each.subject for each in found} == {"assistance.archives"}
    assert [each.expected.split()[0] for each in found] == ["task_id", "assignment_id", "path", "size_bytes"]


class Collections(dict):
    """A database of some collections; an unknown one is there once it is asked for, as in pymongo."""

    name, trouble = "assistance", None

    def list_collection_names(self, **__):
        if self.trouble:
            raise self.trouble
        return list(self)

    def __missing__(self, name):
        return Written(name, [])


class Written:
    """One collection, the newest document first; none has an id by which that shows."""

    def __init__(self, name, documents):
        self.full_name, self.documents = f"assistance.{name}", documents

    def find(self):
        return self

    def sort(self, key, _):
        self.sorted = self.documents if key == "$natural" else [*reversed(self.documents)]
        return self

    def limit(self, number):
        return self.sorted[:number]


def test_a_copy_in_another_collection_is_found():
    user = {"_id": 7, "userId": "ops-1", "said": ["Hello"]}
    stored = {"dialogs": [user], "copies": [{"was": [user]}], "others": [{"userId": "ops-2"}] * 60 + [user]}
    stored["system.profile"] = [user]
    database = Collections({name: Written(name, documents) for name, documents in stored.items()})
    store = Store(database, NAMES)
    assert store.holding("ops-1") == ["assistance.copies", "assistance.dialogs"]
    database.trouble = ServerSelectionTimeoutError("mongodb://user:secret@host")
    with pytest.raises(Inconclusive, match="MongoDB did not answer"):
        store.holding("ops-1")
