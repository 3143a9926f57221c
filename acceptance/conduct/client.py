"""Call the conductor from a test process, over the watchdog's socket."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from acceptance.conduct.connection import FROZEN_S, Line, WatchdogGone, hung_up
from acceptance.conduct.recovery import recover_run
from acceptance.conduct.run import Run
from acceptance.conduct.services import Restarted
from acceptance.conduct.stage_state import FlagState, Rollback
from acceptance.effects import Effect, about_to
from acceptance.stage import Stage

_BEAT_S = 2.0
"""Seconds of a call after which the watchdog is asked whether it lives."""


def end_this_process() -> None:
    """End this process by SIGTERM: without its watchdog a run may change nothing.

    Only where SIGTERM leads to a goodbye: a process that would just die of it could undo nothing any more, such as
    a run between its last check and its end. Its next call tells it.
    """
    if callable(signal.getsignal(signal.SIGTERM)):
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass
class _Call:
    """A call that was asked for, and how it went: None while it is not over, then (done, value or exception)."""

    act: Callable[[], Any]
    ended: tuple[bool, Any] | None = None


class RemoteConductor:
    """One connection to the watchdog; the first one of a run is its lease on the target.

    A thread of its own makes the calls, one after the other: whatever is raised in the thread that waits for one, by a
    signal for instance, the call itself goes on to its end, and the next one begins after it.

    Args:
        run: The run.
        on_loss: Called from a thread when the watchdog ends before this side said goodbye.
        waiting: Told once a second which call is still being waited for, and for how many seconds.
    """

    def __init__(
        self,
        run: Run,
        on_loss: Callable[[], None] = end_this_process,
        waiting: Callable[[str, float], None] = lambda _name, _seconds: None,
    ) -> None:
        self._run = run
        self._line = Line(run.socket)
        self._renewals = Line(run.socket)  # now: a cleaner may take the address away while the run lasts
        self._one_renewal = threading.Lock()
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._said_goodbye = False
        self._on_loss = on_loss
        self._waiting = waiting
        threading.Thread(target=self._watch, name="watchdog-watch", daemon=True).start()
        threading.Thread(target=self._make_calls, name="watchdog-calls", daemon=True).start()

    def expect_data(self, prefix: str, places: Sequence[Path] = ()) -> None:
        """See `Conductor.expect_data`."""
        about_to(Effect.DATA, "it announces test data")
        self._call("expect_data", prefix, tuple(places))

    def set_flag(self, stage: Stage, value: bool) -> FlagState:
        """See `Conductor.set_flag`."""
        about_to(Effect.FLAG, f"it sets the flag of stage {stage.id}")
        state: FlagState = self._call("set_flag", stage, value)
        return state

    def add_flags(self, stage: Stage, flags: Sequence[str]) -> tuple[str, ...]:
        """See `Conductor.add_flags`."""
        about_to(Effect.FLAG, "it adds flags")
        added: tuple[str, ...] = self._call("add_flags", stage, tuple(flags))
        return added

    def restart(self, stage: Stage, service: str) -> tuple[Restarted, ...]:
        """See `Conductor.restart`."""
        about_to(Effect.RESTART, f"it restarts {service}")
        done: tuple[Restarted, ...] = self._call("restart", stage, service)
        return done

    def accept(self, stage_id: str) -> bool:
        """See `Conductor.accept`."""
        return bool(self._call("accept", stage_id))

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """See `Conductor.rollback`."""
        account: Rollback | None = self._call("rollback", stage_id, reason)
        return account

    def end_stage(self, stage_id: str) -> bool:
        """See `Conductor.end_stage`."""
        return bool(self._call("end_stage", stage_id))

    def finish(self, reason: str) -> tuple[str, ...]:
        """See `Conductor.finish`; after it the watchdog leaves when the connection is closed.

        Where the watchdog is gone, what it left open is undone from its journal, here and now.
        """
        self._said_goodbye = True
        try:
            accepted: tuple[str, ...] = self._call("finish", reason)
        except WatchdogGone:
            self._awaited("finish", lambda: recover_run(self._run))
            return ()
        return accepted

    def renew(self, stage_id: str, fresh: bool = True) -> str:
        """Renew the lease of a stage whose flag is on, if its evaluation was on fresh data; not from the main thread.

        Returns:
            Why the stage was rolled back, or an empty string.

        Raises:
            WatchdogGone: The watchdog does not answer.
        """
        with self._one_renewal:
            said: str = self._renewals.ask("renew", stage_id, fresh, patience_s=FROZEN_S)
        return said

    def close(self) -> None:
        """Give the lease back."""
        self._said_goodbye = True
        self._renewals.close()
        self._line.close()

    def _watch(self) -> None:
        """Wait until the watchdog closes the connection."""
        try:
            hung_up(self._line.fileno())
        except (OSError, ValueError):
            return
        if not self._said_goodbye:
            self._on_loss()

    def _call(self, name: str, *args: Any) -> Any:
        return self._awaited(name, lambda: self._line.ask(name, *args, patience_s=_BEAT_S, busy=self._beat))

    def _awaited(self, name: str, act: Callable[[], Any]) -> Any:
        """Have the thread that makes the calls do something, and say once a second that it is being waited for."""
        call = _Call(act)
        self._calls.put(call)
        begin = told = time.monotonic()
        pause = 0.001
        while call.ended is None:  # without a lock, which a signal could leave behind
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
            if (now := time.monotonic()) - told >= 1:
                told = now
                self._waiting(name, now - begin)
        done, value = call.ended
        if done:
            return value
        raise value

    def _make_calls(self) -> None:
        while True:
            call = self._calls.get()
            try:
                call.ended = (True, call.act())
            except BaseException as error:  # it is the caller's, whatever it is
                call.ended = (False, error)

    def _beat(self) -> None:
        """Ask a silent watchdog whether it lives; end one that hangs, so that its lock becomes free.

        Raises:
            WatchdogGone: It does not.
        """
        try:
            self.renew("", fresh=False)
        except WatchdogGone:
            with suppress(OSError):
                os.kill(self._line.peer(), signal.SIGKILL)
            raise
