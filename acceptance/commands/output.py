"""End a command quietly when nobody reads its output any more, such as that of `record.py index | head`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

CLOSED_PIPE = 141
"""128 + SIGPIPE: what a shell gives for a program that such a pipe ended. No verdict of ours."""


def to_its_end(act: Callable[[], int]) -> int:
    """Act, write out what was said, and give the exit code; one that tells of trouble stands, whoever reads it."""
    try:
        code = act()
    except BrokenPipeError:
        code = CLOSED_PIPE
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # else Python tries once more at its end, warns, and changes the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or CLOSED_PIPE
    return code


def say(text: str, *, error: bool = False) -> None:
    """Print, where what follows must be done whether or not somebody reads it."""
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr if error else sys.stdout)
