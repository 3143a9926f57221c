"""Who may ask the conductor, and for how long: the connections of one run to its guardian."""

from __future__ import annotations

import os
import signal
import socket as sockets
import struct
import threading
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection, Listener
from pickle import UnpicklingError
from typing import Any

from acceptance.conduct.best_effort_log import BestEffort, Events
from acceptance.conduct.conductor import Conductor
from acceptance.polling import poll
from acceptance.verdict import Refused, RollbackFailed

#: What a client may ask for.
CALLS = frozenset({"expect_data", "set_flag", "add_flags", "restart", "accept", "rollback", "end_stage", "finish"})
#: Calls whose stage is over when the process that made them is.
_OPENING = frozenset({"set_flag", "add_flags", "restart"})
#: Seconds that the processes of a run that is over are given to end, before their test data is removed.
PATIENCE_S = 15.0


class Guardian:
    """Serves one run's conductor to the processes of that run, one call at a time.

    The first connection is the controller's, and its end is the end of the run. A later one is a worker's; the stage
    that it had in hand is rolled back when it ends in the middle of it.
    """

    def __init__(self, conductor: Conductor, events: Events) -> None:
        self._conductor = conductor
        self._told = BestEffort(events)
        self._one_at_a_time = threading.Lock()
        self._connections: set[Connection] = set()
        self._stages: dict[str, Connection] = {}
        self._said_goodbye = False
        self._undone = True
        self.over = threading.Event()
        self.reason = ""

    def serve(self, listener: Listener) -> None:
        """Accept connections until the first one, the controller's, has ended."""
        lease = True
        while not self.over.is_set():
            try:
                connection = listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            threading.Thread(target=self._hold, args=(connection, lease), daemon=True).start()
            lease = False

    def end(self, reason: str = "") -> None:
        """End the run: from now on nothing but ``finish`` is answered; ``leave`` then undoes what is open."""
        self.reason = self.reason or reason
        self.over.set()

    def leave(self) -> bool:
        """Undo whatever is still open once the run is over; returns whether all is undone.

        The flags are put back at once. The test data waits until what is left of the run has ended, for a worker that
        goes on would write more of it.
        """
        if self._said_goodbye:
            with self._one_at_a_time:
                return self._undone
        reason = self.reason or "the test run ended without a goodbye"
        self._told.append("interrupted", signal=reason, at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._send_away()
        with self._one_at_a_time:  # a change in progress is awaited: it cannot be undone before it is made
            self._conductor.roll_back_all(reason)
        poll(lambda: self._said_goodbye or not self._connections, bool, PATIENCE_S)
        with self._one_at_a_time:
            if not self._said_goodbye:
                self._finish(reason)
            return self._undone

    def _finish(self, reason: str) -> tuple[str, ...]:
        self._undone = False
        try:
            accepted = self._conductor.finish(reason)
        except RollbackFailed as error:
            self._told.append("note", text=str(error))
            if self._said_goodbye:
                raise
            return ()
        self._undone = True
        return accepted

    def _send_away(self) -> None:
        """End the processes that are still connected, as the run that they belong to is over."""
        for connection in list(self._connections):
            with suppress(OSError):
                if (peer := _peer(connection)) != os.getpid():
                    os.kill(peer, signal.SIGTERM)

    def _hold(self, connection: Connection, lease: bool) -> None:
        try:
            while True:
                self._answer(connection)
        except (EOFError, OSError, UnpicklingError):
            pass
        finally:
            self._connections.discard(connection)
            if lease:
                self.end()
            else:
                self._abandon(connection)

    def _abandon(self, connection: Connection) -> None:
        """Roll back the stages that a worker had in hand when it ended."""
        with self._one_at_a_time:
            for stage_id in [stage_id for stage_id, holder in self._stages.items() if holder is connection]:
                with suppress(RollbackFailed):  # told by its own event, and tried again at the end
                    self._conductor.rollback(stage_id, "the process that made its checks ended in the middle of it")

    def _answer(self, connection: Connection) -> None:
        call, args = connection.recv()
        with self._one_at_a_time:
            try:
                answer = (True, self._do(connection, call, args))
            except Exception as error:
                answer = (False, error)
        try:
            connection.send(answer)
        except (TypeError, AttributeError, ValueError):  # an error that does not travel
            connection.send((False, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]}")))

    def _do(self, connection: Connection, call: str, args: tuple[Any, ...]) -> Any:
        if call not in CALLS or self._said_goodbye or (self.over.is_set() and call != "finish"):
            raise Refused(f"the guardian does not do «{call}» (any more): {self.reason or 'the run is over'}")
        if call == "finish":
            self._said_goodbye = True
            return self._finish(*args)
        if call in _OPENING:
            self._stages[args[0].id] = connection
        return getattr(self._conductor, call)(*args)


def _peer(connection: Connection) -> int:
    """Give the process id at the other end."""
    with sockets.socket(fileno=os.dup(connection.fileno())) as end:
        pid, _, _ = struct.unpack("3i", end.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12))
    return int(pid)
