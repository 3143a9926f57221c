"""End a command at the first signal, and let what undoes its changes go on at later ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from acceptance.conduct.progress import Progress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What a person or a machine ends a program with; SIGQUIT is Ctrl-\\, for whom Ctrl-C takes too long."""
_ending = threading.Event()
_signalled = threading.Event()


def uncut() -> None:
    """From now on a signal is only told: what is being undone must not be cut short."""
    _ending.set()


@contextmanager
def interruptible() -> Iterator[None]:
    """Take the signals, but those that were ignored when we were started, as by nohup."""
    _ending.clear()
    _signalled.clear()
    taken = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    main = threading.current_thread() is threading.main_thread()
    before = {each: signal.signal(each, _take) for each in taken if main}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def told(progress: Progress) -> Iterator[None]:
    """Say once a second what is being undone, to a person at a terminal or who pressed Ctrl-C."""
    over = threading.Event()
    threading.Thread(target=_tell, args=(progress, over), name="progress", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def say(line: str) -> None:
    """Say it on standard error, to whoever still reads it."""
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


def waiting(progress: Progress, seconds: float) -> None:
    """Say it, where somebody waits for it."""
    if _signalled.is_set() or sys.stderr.isatty():
        say(progress.line(seconds, pressed=_signalled.is_set()))


def _take(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    _signalled.set()
    if _ending.is_set():  # guard: no-signal-cuts-an-undo-short
        say(f"{name}: what was changed is being undone, and that goes on; nothing more is needed")
        return
    _ending.set()
    say(f"{name}: the command ends now; what it changed is undone first")
    raise KeyboardInterrupt(name)


def _tell(progress: Progress, over: threading.Event) -> None:
    begin = time.monotonic()
    while not over.wait(1):
        waiting(progress, time.monotonic() - begin)
