"""Start the watchdog of a run."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from acceptance.conduct.connection import FROZEN_S
from acceptance.conduct.run import Run
from acceptance.process import is_stopped
from acceptance.verdict import RecoveryNeeded, Refused

_FACTS = "run.json"
"""The run's facts, beside the watchdog's socket."""
_STEP_S = 1.0
"""How often a watchdog that is not ready yet is looked at, in seconds."""


def start_watchdog(run: Run, private: Path, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start the watchdog of a run, detached from the terminal, and wait until it holds the target.

    Args:
        run: The run.
        private: A folder that only this user may enter; the socket is there.
        keep_open: File descriptors that the watchdog inherits (the lease of a provided target).

    Returns:
        The watchdog's process; it ends its run when this object is dropped.

    Raises:
        Refused: The target is held by another run, or needs recovery first.
    """
    facts = private / _FACTS
    run.save(facts)
    with (run.folder / "watchdog.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.conduct.guardian", str(facts)],
            stdin=subprocess.PIPE,  # never written to: its end tells the watchdog that this process is gone
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    if process.stdout is None:  # for the type checker: stdout is a pipe
        raise Refused("the watchdog has no output")
    line = _first_line(process, process.stdout)
    answer = json.loads(line) if line else {"refused": f"the watchdog died, see {run.folder / 'watchdog.log'}"}
    if "refused" in answer:
        process.wait()
        kind = RecoveryNeeded if answer.get("exit_code") == RecoveryNeeded.exit_code else Refused
        raise kind(answer["refused"])
    return process


def _first_line(process: subprocess.Popen[bytes], says: IO[bytes]) -> bytes:
    """Wait for the watchdog's first line, before which it may recover; end a watchdog that was stopped meanwhile."""
    stopped_s = 0.0
    while not select.select([says], [], [], _STEP_S)[0]:
        stopped_s = stopped_s + _STEP_S if is_stopped(process.pid) else 0.0
        if stopped_s > FROZEN_S:  # guard: run-does-not-wait-for-a-watchdog-that-is-stopped
            process.kill()
    return says.readline()
