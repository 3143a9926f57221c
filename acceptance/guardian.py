"""The guardian: the process that holds the conductor, so that the undo outlives the test run.

It is detached from the terminal and alive as long as the run's connection to it is. When that connection ends
without a goodbye (a second Ctrl-C, SIGKILL, a crash), the kernel closes the socket and the guardian puts the target
back at once. The journal covers the death of the guardian itself.

    python -m acceptance.guardian RUN.json

prints one JSON line, ``{"ready": true}`` or ``{"refused": "why", "exit_code": 13}``, and serves.
"""

from __future__ import annotations

import json
import os
import signal
import socket as sockets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from acceptance.conductor import Conductor
from acceptance.envfile import EnvFile
from acceptance.events import EventLog
from acceptance.journal import Journal
from acceptance.lock import Owner, TargetLock
from acceptance.observe.prometheus import Prometheus
from acceptance.redact import Redactor, secrets_of
from acceptance.run import Run
from acceptance.services import Restarter
from acceptance.stage import Stage
from acceptance.target import Target, load_target
from acceptance.undo import recover
from acceptance.verdict import Refused, RollbackFailed
from acceptance.window import Window

#: What a client may ask for.
CALLS = frozenset({"expect_data", "set_flag", "restart", "accept", "rollback", "end_stage", "finish"})


class Guardian:
    """Serves one run's conductor to the processes of that run, one call at a time."""

    def __init__(self, conductor: Conductor, events: EventLog) -> None:
        self._conductor = conductor
        self._events = events
        self._one_at_a_time = threading.Lock()
        self._said_goodbye = False
        self.over = threading.Event()
        self.reason = ""

    def serve(self, listener: Listener) -> None:
        """Accept connections until the first one, the controller's, has ended."""
        lease = listener.accept()
        threading.Thread(target=self._hold, args=(lease, True), daemon=True).start()
        while not self.over.is_set():
            try:
                connection = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._hold, args=(connection, False), daemon=True).start()

    def leave(self) -> bool:
        """Undo whatever is still open after the lease has ended; returns whether all is undone."""
        with self._one_at_a_time:
            if self._said_goodbye:
                return True
            reason = self.reason or "the test run ended without a goodbye"
            self._events.append("interrupted", signal=reason, at=datetime.now(UTC).isoformat(timespec="seconds"))
            try:
                self._conductor.finish(reason)
            except RollbackFailed as error:
                self._events.append("note", text=str(error))
                return False
            return True

    def _hold(self, connection: Connection, lease: bool) -> None:
        try:
            while True:
                self._answer(connection)
        except (EOFError, OSError):
            pass
        if lease:
            self.over.set()

    def _answer(self, connection: Connection) -> None:
        call, args = connection.recv()
        with self._one_at_a_time:
            try:
                answer = (True, self._do(call, args))
            except Exception as error:
                answer = (False, error)
        connection.send(answer)

    def _do(self, call: str, args: tuple[Any, ...]) -> Any:
        if call not in CALLS or self.over.is_set() or self._said_goodbye:
            raise Refused(f"the guardian does not do «{call}» (any more)")
        self._said_goodbye = self._said_goodbye or call == "finish"
        return getattr(self._conductor, call)(*args)


def may_start(run: Run, target: Target, stage: Stage) -> str | None:
    """Say why a stage may not start now, or None: the window holds for production without a stated reason."""
    if target.kind != "production" or run.outside_window:
        return None
    planned = timedelta(minutes=stage.planned_minutes)
    return Window().refusal(datetime.now(UTC), planned, timedelta(minutes=stage.rollback_minutes))


@contextmanager
def held_target(run: Run, target: Target) -> Iterator[tuple[EventLog, Journal, Restarter]]:
    """Lock the target for this run and bring it into order after a crashed one.

    Raises:
        Refused: Somebody else holds the target, or what a crashed run left cannot be undone.
    """
    redactor = Redactor(target.secrets() + secrets_of(EnvFile(target.env_file).read()))
    events = EventLog(run.events, redactor)
    restarter = Restarter(target, Prometheus(target.prometheus_url, target.http_timeout_s))
    owner = Owner(sockets.gethostname(), os.getpid(), run.operator, run.id, run.started)
    with TargetLock(target.journal_dir, owner):
        journal = Journal(target.journal_dir / f"{target.name}.journal", run.id)
        recover(target, journal, events, restarter)
        journal.open()
        yield events, journal, restarter


def main(argv: list[str] | None = None) -> int:
    """Serve one run; returns 0 when everything is undone or kept on purpose."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the test run's business
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run = Run.load(Path((argv or sys.argv[1:])[0]))
    try:
        target = load_target(run.target_file)
        with held_target(run, target) as (events, journal, restarter):
            conductor = Conductor(
                target, journal, events, restarter, run.mode, lambda stage: may_start(run, target, stage)
            )
            return 0 if _serve(run, Guardian(conductor, events)) else int(RollbackFailed.exit_code)
    except Exception as error:
        code = int(getattr(error, "exit_code", Refused.exit_code))
        print(json.dumps({"refused": f"{error}", "exit_code": code}), flush=True)
        return code


def _serve(run: Run, guardian: Guardian) -> bool:
    def stop(number: int, _frame: object) -> None:
        guardian.reason = f"the guardian got {signal.Signals(number).name}"
        guardian.over.set()

    signal.signal(signal.SIGTERM, stop)
    with Listener(str(run.socket), family="AF_UNIX") as listener:
        threading.Thread(target=guardian.serve, args=(listener,), daemon=True).start()
        print(json.dumps({"ready": True}), flush=True)
        guardian.over.wait()
        return guardian.leave()


if __name__ == "__main__":
    sys.exit(main())
