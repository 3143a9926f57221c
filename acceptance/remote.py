"""The conductor as the test processes see it: the same calls, over the guardian's socket."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

from acceptance.conductor import FlagState, Rollback
from acceptance.run import Run
from acceptance.services import Restarted
from acceptance.stage import Stage
from acceptance.verdict import RecoveryNeeded, Refused


class RemoteConductor:
    """One connection to the guardian; the first one of a run is its lease on the target."""

    def __init__(self, socket: Path) -> None:
        self._connection = Client(str(socket), family="AF_UNIX")
        self._one_at_a_time = threading.Lock()

    def expect_data(self, prefix: str) -> None:
        """See ``Conductor.expect_data``."""
        self._call("expect_data", prefix)

    def set_flag(self, stage: Stage, value: bool) -> FlagState:
        """See ``Conductor.set_flag``."""
        state: FlagState = self._call("set_flag", stage, value)
        return state

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
        """See ``Conductor.finish``; after it the guardian leaves when the connection is closed."""
        accepted: tuple[str, ...] = self._call("finish", reason)
        return accepted

    def close(self) -> None:
        """Give the lease back."""
        self._connection.close()

    def _call(self, name: str, *args: Any) -> Any:
        with self._one_at_a_time:
            try:
                self._connection.send((name, args))
                done, value = self._connection.recv()
            except (EOFError, OSError) as error:
                raise Refused(
                    f"the guardian is gone ({type(error).__name__}) and cannot «{name}»; "
                    "run scripts/ops/recover.py before anything else"
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

    Raises:
        Refused: The target is held by another run, or needs recovery first.
    """
    facts = private / "run.json"
    run.save(facts)
    with (run.folder / "guardian.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.guardian", str(facts)],
            stdin=subprocess.DEVNULL,
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
