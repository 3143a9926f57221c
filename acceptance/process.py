"""Run a command of the target file, without a shell and with a deadline."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from acceptance.redact import cut_front
from acceptance.verdict import Inconclusive

CANNOT_RUN, DID_NOT_END = 127, 124
"""Exit codes, as a shell and `timeout` give them, of a command that is not there and of one that was killed."""
_DYING_S = 5.0
"""How long a command that was killed may take to end: one that waits for a disk does not."""


def run(command: str, folder: Path, timeout_s: float, variables: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command in a folder with these variables, and with what it says of errors in its output.

    Returns:
        Exit code and the output's end (4,000 characters); 127 when it cannot run, 124 when it does not end.
    """
    code, output, why = _ended(command, folder, timeout_s, apart=False, variables=variables)
    return code, cut_front(output or why, 4000)


def answer(command: str | Sequence[str], folder: Path, timeout_s: float) -> str:
    """Give a command's standard output.

    Raises:
        Inconclusive: It cannot run, does not end or ends with another code than 0: then it says nothing.
    """
    code, output, errors = _ended(command, folder, timeout_s, apart=True)
    if code:
        told = command if isinstance(command, str) else shlex.join(command)
        said = cut_front((errors or output).strip(), 300)
        raise Inconclusive(f"«{told}» gave no answer: expected exit code 0, found {code}: {said}")
    return output


def _ended(
    command: str | Sequence[str],
    folder: Path,
    timeout_s: float,
    *,
    apart: bool,
    variables: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run a command to its end; gives its exit code, output and errors.

    It has a session of its own: its processes are ended with it when its time is over, for a restart that goes on
    behind our back could undo an undo; and it has no terminal, at which a question would wait for an answer. Its output
    is kept in memory: a pipe would wait for whatever daemon inherits it.
    """
    with ExitStack() as files:
        output, errors = (files.enter_context(os.fdopen(os.memfd_create(name), "rb")) for name in ("output", "errors"))
        try:
            process = subprocess.Popen(
                shlex.split(command) if isinstance(command, str) else command,
                cwd=folder,
                env=os.environ | {"GIT_TERMINAL_PROMPT": "0"} | dict(variables or {}),  # nobody is there to answer
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors if apart else subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return CANNOT_RUN, "", str(error)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            ending, said = _killed(process), cut_front((_text(errors) or _text(output)).strip(), 300)
            return DID_NOT_END, "", f"did not end within {timeout_s:g} s and {ending}; it said: {said or 'nothing'}"
        return code, _text(output), _text(errors)


def _killed(process: subprocess.Popen[bytes]) -> str:
    """End a command and all that it started, and say how that went: what runs by `sudo` we may not end."""
    try:
        os.killpg(process.pid, signal.SIGKILL)  # guard: what-the-command-started-is-ended-too
        process.wait(_DYING_S)
    except (PermissionError, subprocess.TimeoutExpired) as error:
        return f"could not be killed ({error}), so it may still be at work: end process {process.pid}"
    return "was killed"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def is_stopped(pid: int) -> bool:
    """Tell whether a process of this machine was stopped, by SIGSTOP, Ctrl-Z or a debugger."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False
