"""Keep documents in MongoDB under the names that the lab's shape gives them; the services speak the target contract."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from lab.shape import Shape, current

Names = Mapping[str, str]


class _Collection:
    """A collection whose calls and answers are turned round."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]], names: Names, database: "_Database") -> None:
        self._collection, self._names, self.database = collection, names, database
        self._back = {theirs: ours for ours, theirs in names.items()}

    def __getattr__(self, name: str) -> Any:
        return self._turned(getattr(self._collection, name))

    def _turned(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **options: Any) -> Any:
            theirs = {key: _renamed(value, self._names) for key, value in options.items()}
            found = await method(*(self._argument(each) for each in args), **theirs)
            return _renamed(found, self._back) if isinstance(found, dict) else found

        return call

    def _argument(self, value: Any) -> Any:
        """Rename a filter or a document, or the one field of an index."""
        return self._names.get(value, value) if isinstance(value, str) else _renamed(value, self._names)


class _Database:
    """A database whose collections are turned round."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], shape: Shape) -> None:
        self._database, self._shape = database, shape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def __getitem__(self, name: str) -> _Collection:
        return _Collection(self._database[self._shape.collections.get(name, name)], self._shape.documents, self)


def database(client: AsyncMongoClient[dict[str, Any]], name: str = "butler") -> AsyncDatabase[dict[str, Any]]:
    """Give a lab's database; that of another shape looks the same from here."""
    shape = current()
    if shape.plain:
        return client[name]
    return cast("AsyncDatabase[dict[str, Any]]", _Database(client[shape.database], shape))


def _renamed(value: Any, names: Names) -> Any:
    if isinstance(value, Mapping):
        return {
            ".".join(names.get(part, part) for part in key.split(".")): _renamed(one, names)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if isinstance(value, tuple):  # a field and its order
        return (names.get(value[0], value[0]), *value[1:])
    return value
