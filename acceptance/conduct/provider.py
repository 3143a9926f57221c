"""Start a target by a command of the target file, and end it when no process needs it any more.

The command prints `READY <target file>` on its standard output and runs until its standard input ends. Whoever holds
that input open (the test run, the watchdog) keeps the target alive; the kernel closes it when the last of them is gone.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from acceptance.verdict import Refused


@dataclass(frozen=True)
class Provider:
    """A running provider and the target file that it wrote."""

    process: subprocess.Popen[bytes]
    target_file: Path

    @property
    def lease(self) -> int:
        """The file descriptor that keeps the target alive."""
        assert self.process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        return self.process.stdin.fileno()

    def end(self, timeout_s: float = 60) -> None:
        """Give the lease back and wait until the target is gone; the watchdog must have left before."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(timeout_s)


def start_provider(command: str, folder: Path, log: Path) -> Provider:
    """Start a provider in `folder` and wait until its target is ready; its errors go to `log`.

    Raises:
        Refused: It ended instead, with the end of what it said.
    """
    argv = shlex.split(command)
    if argv[0] == "python":
        argv[0] = sys.executable  # the interpreter that has the suite's packages
    with log.open("wb") as errors:
        # In a session of its own: a Ctrl-C must reach the test run, which still needs its target to roll back.
        process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    said = process.stdout.readline().decode().strip()
    if not said.startswith("READY "):
        process.kill()
        process.wait()
        raise Refused(f"«{command}» did not provide a target: {said or log.read_text(errors='replace')[-2000:]}")
    return Provider(process, Path(said.removeprefix("READY ")))
