"""Note each writing request while it is under way: a clean-up must know what may still arrive.

A request whose sender was killed is still worked on by the service. One note is one small file beside the journal: it
is there from before the first byte is sent until the client has seen the end of the request.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from acceptance.disk import LOCK, SHARED, share
from acceptance.polling import poll
from acceptance.verdict import Inconclusive

UNREAD_S = 60.0
"""For so long a request is waited for whose note cannot be read; then it is named."""


@dataclass(frozen=True)
class Noted:
    """One request that was begun and not ended; `until` (unix seconds) is when its time-out of `longest_s` is over."""

    file: Path
    what: str
    until: float
    longest_s: float = float("inf")

    @property
    def left_s(self) -> float:
        """Seconds that it may still last, at most all of them: the clock may have gone back since it began."""
        return min(self.until - time.time(), self.longest_s)


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one run that are under way.

    Attributes:
        folder: Where their notes are; None where no clean-up will ask for them.
        run: The first half of the run's trace ids.
    """

    folder: Path | None = None
    run: str = ""

    @contextmanager
    def noted(self, what: str, longest_s: float) -> Iterator[None]:
        """Keep a note of a request; one that is broken off, by a signal or a kill, leaves its note.

        Raises:
            Inconclusive: It cannot be noted, so it must not be sent.
        """
        if self.folder is None or not self.run:
            yield
            return
        note, now = self.folder / f"request.{self.run}.{secrets.token_hex(6)}", time.time()
        begun = f"{what}, begun {datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC"
        told = {"what": begun, "until": now + longest_s, "longest_s": longest_s}
        try:
            with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SHARED), "w") as file:
                share(file.fileno(), self.folder / LOCK)  # guard: note-that-the-next-account-can-read
                file.write(json.dumps(told))  # guard: noted-before-it-is-sent
        except OSError as error:
            why = f"expected to note a request in {self.folder} before it is sent, found {error}; it was not sent"
            raise Inconclusive(why) from error
        try:
            yield
        except Exception:  # an answer that does not come, or not in time, is an end too
            note.unlink(missing_ok=True)
            raise
        note.unlink(missing_ok=True)

    def under_way(self) -> list[Noted]:
        """Give the requests that have not ended and whose own time-out is not over."""
        return [each for each in self._noted() if each.left_s > 0]

    def await_ends(self, these: Sequence[Noted]) -> list[Noted]:
        """Wait until each of these has ended or its time-out is over; give those that did not end."""
        poll(self.under_way, lambda left: not left, max((each.left_s for each in these), default=0.0))
        left = {each.file for each in self._noted()}
        return [each for each in these if each.file in left]

    def _noted(self) -> list[Noted]:
        found = map(_read, sorted(self.folder.glob(f"request.{self.run}.*")) if self.folder else ())
        return [each for each in found if each]

    def forget(self) -> None:
        """Remove the notes, once what their requests made has been looked for."""
        for file in self.folder.glob(f"request.{self.run}.*") if self.folder else ():
            file.unlink(missing_ok=True)


def _read(file: Path) -> Noted | None:
    """Read a note; one that is cut short was never followed by its request.

    One that we may not read may be of a request that still lasts: nobody knows until when.
    """
    try:
        told = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        return Noted(file, f"{file}: {error.strerror}", float("inf"), UNREAD_S)
    return Noted(file, str(told["what"]), float(told["until"]), float(told.get("longest_s", "inf")))
