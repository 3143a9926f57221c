"""Answer the test processes of one run, and keep the lease of the run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection, Listener
from pickle import PickleError, UnpicklingError
from typing import Any

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.connection import hear, hung_up, peer, say
from acceptance.kinds import Interrupted, Log, Note
from acceptance.polling import poll
from acceptance.stage import Stage
from acceptance.verdict import DataLeft, Refused, RollbackFailed

CALLS = frozenset({"expect_data", "set_flag", "add_flags", "restart", "accept", "rollback", "end_stage", "finish"})
"""What a client may ask for."""
_OPENING = frozenset({"set_flag", "add_flags", "restart"})
"""Calls whose stage is over when the process that made them is."""
PATIENCE_S = 15.0
"""Seconds that the processes of a run that is over are given to end, before their test data is removed."""
_INTERVAL_S = 0.25


class Watchdog:
    """Serves one run's conductor to the processes of that run, one call at a time.

    The first connection is the controller's, and its end is the end of the run. A later one is a worker's; the stage
    that it had in hand is rolled back when it ends in the middle of it. A stage whose flag is on has a lease: each
    evaluation of its triggers on fresh data renews it, and past its deadline the stage is rolled back, whatever the
    cause: a run that was stopped, that hangs, or that cannot see.

    Args:
        conductor: What is served.
        events: Where it is told.
        lease_s: How long a stage's flag may be on without such an evaluation, in seconds.
    """

    def __init__(self, conductor: Conductor, events: Log, lease_s: Callable[[Stage], float] = lambda _: 600) -> None:
        self._conductor = conductor
        self._told = BestEffort(events)
        self._one_at_a_time = threading.Lock()
        self._connections: set[Connection] = set()
        self._stages: dict[str, Connection] = {}
        self._lease_s = lease_s
        self._leases: dict[str, tuple[float, float]] = {}  # by stage: when it ends, and its length
        self._expired: dict[str, str] = {}
        self._said_goodbye = False
        self._undone = True
        self.over = threading.Event()
        self.reason = ""

    def serve(self, listener: Listener) -> None:
        """Accept connections until the first one, the controller's, has ended."""
        lease = True
        threading.Thread(target=self._keep_deadlines, name="deadlines", daemon=True).start()
        while not self.over.is_set():
            try:
                connection = listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            threading.Thread(target=self._hold, args=(connection, lease), daemon=True).start()
            lease = False

    def end(self, reason: str = "") -> None:
        """End the run: from now on nothing but `finish` is answered; `leave` then undoes what is open."""
        self.reason = self.reason or reason
        self.over.set()

    def leave(self) -> bool:
        """Undo whatever is still open once the run is over; returns whether all is undone.

        Flags are rolled back at once. The test data waits until what is left of the run has ended, for a worker that
        goes on would write more of it.
        """
        if self._said_goodbye:
            with self._one_at_a_time:
                return self._undone
        reason = self.reason or "the test run ended without a goodbye"
        Interrupted(signal=reason, at=datetime.now(UTC).isoformat(timespec="seconds")).tell(self._told)
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
        except (RollbackFailed, DataLeft) as error:
            self._undone = isinstance(error, DataLeft)
            Note(text=str(error)).tell(self._told)
            if self._said_goodbye:
                raise
            return ()
        self._undone = True
        return accepted

    def _send_away(self) -> None:
        """End the processes that are still connected, as the run that they belong to is over."""
        told = {os.getpid()}
        for connection in list(self._connections):
            with suppress(OSError):
                # The lease may be seen to end before this one is: who closed both has not stayed.
                if not hung_up(connection.fileno(), 0) and (pid := peer(connection)) not in told:
                    told.add(pid)
                    os.kill(pid, signal.SIGTERM)

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
        number, call, args = hear(connection)
        if call == "renew":  # without waiting for a change in progress
            say(connection, (number, True, self._renew(*args)))
            return
        with self._one_at_a_time:
            try:
                answer = (number, True, self._do(connection, call, args))
            except Exception as error:
                answer = (number, False, error)
        try:
            say(connection, answer)
        except (TypeError, AttributeError, ValueError, PickleError):  # an error that does not travel
            say(connection, (number, False, RuntimeError(f"{type(answer[2]).__name__}: {answer[2]}")))

    def _do(self, connection: Connection, call: str, args: tuple[Any, ...]) -> Any:
        if call not in CALLS or self._said_goodbye or (self.over.is_set() and call != "finish"):
            raise Refused(f"the watchdog does not do «{call}» (any more): {self.reason or 'the run is over'}")
        if call == "finish":
            self._said_goodbye = True
            return self._finish(*args)
        if call in _OPENING:
            self._stages[args[0].id] = connection
        if call in ("rollback", "end_stage"):
            self._leases.pop(args[0], None)
        done = getattr(self._conductor, call)(*args)
        if call == "set_flag":
            self._begin_lease(*args)
        return done

    def _begin_lease(self, stage: Stage, value: bool) -> None:
        if value:
            length = self._lease_s(stage)
            self._leases.setdefault(stage.id, (_now() + length, length))
        else:
            self._leases.pop(stage.id, None)

    def _renew(self, stage_id: str, fresh: bool) -> str:
        end, length = self._leases.get(stage_id, (0.0, 0.0))
        if fresh and _now() <= end:
            self._leases[stage_id] = (_now() + length, length)
        return self._expired.get(stage_id, "")

    def _keep_deadlines(self) -> None:
        while not self.over.wait(_INTERVAL_S):
            for stage_id in [stage_id for stage_id, (end, _) in list(self._leases.items()) if _now() > end]:
                with self._one_at_a_time:  # a change in progress is awaited, and may have ended the lease
                    self._expire(stage_id)

    def _expire(self, stage_id: str) -> None:
        end, length = self._leases.get(stage_id, (float("inf"), 0.0))
        if _now() <= end or self.over.is_set():
            return
        del self._leases[stage_id]
        why = (
            f"no evaluation on fresh data for {length:g} s (blind_seconds): "
            "the run was stopped or hangs, or monitoring gives nothing new"
        )
        self._expired[stage_id] = why
        with suppress(RollbackFailed):  # told by its own event, and tried again at the end
            self._conductor.rollback(stage_id, why)


def _now() -> float:
    """Read a clock that nobody can set and that counts suspended time, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
