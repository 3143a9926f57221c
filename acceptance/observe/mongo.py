"""What a MongoDB that does not answer comes to: not seen, and so neither good nor bad."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from acceptance.verdict import Inconclusive


@contextmanager
def asking(collection: str) -> Iterator[None]:
    """Hold a question to a collection.

    Raises:
        Inconclusive: MongoDB did not answer it; the message names no address, which may hold a password.
    """
    try:
        yield
    except PyMongoError as error:
        raise Inconclusive(
            f"MongoDB did not answer for {collection} ({type(error).__name__}); check MONGODB_URL of the target file"
        ) from error
