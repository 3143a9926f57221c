"""The conductor as the test processes see it: the same calls, over the guardian's socket."""

from __future__ import annotations

import json
import os
import select
import signal
import socket as sockets
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

from acceptance.conduct.recovery import recover_target
from acceptance.conduct.run import Run
from acceptance.conduct.services import Restarted
from acceptance.conduct.stage_state import FlagState, Rollback
from acceptance.events import EventLog
from acceptance.stage import Stage
from acceptance.target import by_hand
from acceptance.target.model import load_target
from acceptance.target.redaction import redactor
from acceptance.verdict import RecoveryNeeded, Refused, RollbackFailed

_FACTS = "run.json"
"""The run's facts, beside the guardian's socket."""


class GuardianGone(Refused):
    """The guardian does not answer any more: it was killed, or it has ended the run."""


def end_this_process() -> None:
    """End the run as a user would who ends this process: without its guardian it may change nothing.

    Only where SIGTERM leads to a goodbye: a process that would just die of it could undo nothing any more, such as
    a run between its last check and its end. Its next call tells it.
    """
    if callable(signal.getsignal(signal.SIGTERM)):
        os.kill(os.getpid(), signal.SIGTERM)


class RemoteConductor:
    """One connection to the guardian; the first one of a run is its lease on the target.

    Args:
        socket: The guardian's address.
        on_loss: Called from a thread when the guardian ends before this side said goodbye.
    """

    def __init__(self, socket: Path, on_loss: Callable[[], None] = end_this_process) -> None:
        self._socket = socket
        self._connection = Client(str(socket), family="AF_UNIX")
        self._one_at_a_time = threading.Lock()
        self._said_goodbye = False
        self._on_loss = on_loss
        threading.Thread(target=self._watch, name="guardian-watch", daemon=True).start()

    def expect_data(self, prefix: str) -> None:
        """See ``Conductor.expect_data``."""
        self._call("expect_data", prefix)

    def set_flag(self, stage: Stage, value: bool) -> FlagState:
        """See ``Conductor.set_flag``."""
        state: FlagState = self._call("set_flag", stage, value)
        return state

    def add_flags(self, stage: Stage, flags: Sequence[str]) -> tuple[str, ...]:
        """See ``Conductor.add_flags``."""
        added: tuple[str, ...] = self._call("add_flags", stage, tuple(flags))
        return added

    def restart(self, stage: Stage, service: str) -> tuple[Restarted, ...]:
        """See ``Conductor.restart``."""
        done: tuple[Restarted, ...] = self._call("restart", stage, service)
        return done

    def accept(self, stage_id: str) -> bool:
        """See ``Conductor.accept``."""
        return bool(self._call("accept", stage_id))

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """See ``Conductor.rollback``."""
        account: Rollback | None = self._call("rollback", stage_id, reason)
        return account

    def end_stage(self, stage_id: str) -> bool:
        """See ``Conductor.end_stage``."""
        return bool(self._call("end_stage", stage_id))

    def finish(self, reason: str) -> tuple[str, ...]:
        """See ``Conductor.finish``; after it the guardian leaves when the connection is closed.

        Where the guardian is gone, what it left open is undone from its journal, here and now.
        """
        self._said_goodbye = True
        try:
            accepted: tuple[str, ...] = self._call("finish", reason)
        except GuardianGone:
            self._undo_without_it()
            return ()
        return accepted

    def close(self) -> None:
        """Give the lease back."""
        self._said_goodbye = True
        with suppress(OSError), sockets.socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(sockets.SHUT_RDWR)  # closing alone does not reach the other end while the watch looks
        self._connection.close()

    def _undo_without_it(self) -> None:
        run = Run.load(self._socket.parent / _FACTS)
        target = load_target(run.target_file)
        try:
            recover_target(target, run.id, EventLog(run.events, redactor(target)))
        except (Refused, OSError) as error:
            raise RollbackFailed(
                f"the guardian is gone and its changes could not be undone: {error}\n"
                f"Finish with: {by_hand.recover(run.target_file)}"
            ) from error

    def _watch(self) -> None:
        """Wait until the other end is closed, whatever else goes over the connection."""
        watching = select.poll()
        try:
            watching.register(self._connection.fileno(), select.POLLRDHUP)
            watching.poll()
        except (OSError, ValueError):
            return
        if not self._said_goodbye:
            self._on_loss()

    def _call(self, name: str, *args: Any) -> Any:
        with self._one_at_a_time:
            try:
                self._connection.send((name, args))
                done, value = self._connection.recv()
            except (EOFError, OSError) as error:
                raise GuardianGone(
                    f"the guardian is gone ({type(error).__name__}) and cannot «{name}»; the run ends here, and what "
                    "is open is undone at its end; if that fails: scripts/ops/recover.py"
                ) from error
        if done:
            return value
        raise value


def start_guardian(run: Run, private: Path, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start the guardian of a run, detached from the terminal, and wait until it holds the target.

    Args:
        run: The run.
        private: A folder that only this user may enter; the socket is there.
        keep_open: File descriptors that the guardian inherits (the lease of a provided target).

    Returns:
        The guardian's process; it ends its run when this object is dropped.

    Raises:
        Refused: The target is held by another run, or needs recovery first.
    """
    facts = private / _FACTS
    run.save(facts)
    with (run.folder / "guardian.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.conduct.guardian", str(facts)],
            stdin=subprocess.PIPE,  # never written to: its end tells the guardian that this process is gone
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    if process.stdout is None:  # for the type checker: stdout is a pipe
        raise Refused("the guardian has no output")
    line = process.stdout.readline()
    answer = json.loads(line) if line else {"refused": f"the guardian died, see {run.folder / 'guardian.log'}"}
    if "refused" in answer:
        process.wait()
        kind = RecoveryNeeded if answer.get("exit_code") == RecoveryNeeded.exit_code else Refused
        raise kind(answer["refused"])
    return process
