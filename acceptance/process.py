"""Run a command of the target file: without a shell, and for no longer than it may take."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

from acceptance.redact import cut_front

CANNOT_RUN, DID_NOT_END = 127, 124
"""Exit codes, as a shell and `timeout` give them, of a command that is not there and of one that was killed."""


def run(command: str, folder: Path, timeout_s: float) -> tuple[int, str]:
    """Run a command in a folder.

    It has a process group of its own, which is ended with it when its time is over: a restart that goes on behind our
    back could undo an undo. Its output is kept in memory: a pipe would wait for whatever daemon inherits it.

    Returns:
        Exit code and the output's end (4,000 characters); 127 when it cannot run, 124 when it does not end.
    """
    with os.fdopen(os.memfd_create("output"), "rb") as output:
        try:
            process = subprocess.Popen(
                shlex.split(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            return CANNOT_RUN, str(error)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # guard: what-the-command-started-is-ended-too
            process.wait()
            return DID_NOT_END, f"did not end within {timeout_s:g} s and was killed"
        output.seek(0)
        return code, cut_front(output.read().decode(errors="replace"), 4000)
