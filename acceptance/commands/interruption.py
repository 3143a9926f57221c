"""End a command at the first signal, and let what undoes its changes go on at later ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from acceptance.conduct.progress import Progress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What a person or a machine ends a program with; SIGQUIT is Ctrl-\\, for whom Ctrl-C takes too long."""


@dataclass
class _State:
    """Plain values, for a handler runs between any two steps, also of itself: it must take no lock.

    Attributes:
        ending: Whether a signal is only told.
        signalled: Whether there was one.
    """

    ending: bool = False
    signalled: bool = False


_state = _State()


def report_signals_only() -> None:
    """Only report signals from now on: an undo must not be cut short."""
    _state.ending = True


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle the ending signals, except those that were ignored at our start, as with nohup."""
    _state.ending = _state.signalled = False
    taken = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    main = threading.current_thread() is threading.main_thread()
    before = {each: signal.signal(each, _take) for each in taken if main}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Print once a second what is being undone, at a terminal or once a signal has come."""
    over = threading.Event()
    threading.Thread(target=_tell, args=(progress, over), name="progress", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def say(line: str) -> None:
    """Print a line on standard error; that nobody reads it any more is no error."""
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


def report(progress: Progress, seconds: float) -> None:
    """Print how far an undo has come, where somebody waits for it."""
    if _state.signalled or sys.stderr.isatty():
        say(progress.line(seconds, pressed=_state.signalled))


def _take(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    _state.signalled = True
    if _state.ending:  # guard: no-signal-cuts-an-undo-short
        say(f"{name}: what was changed is being undone, and that goes on; nothing more is needed")
        return
    _state.ending = True
    say(f"{name}: the command ends now; what it changed is undone first")
    raise KeyboardInterrupt(name)


def _tell(progress: Progress, over: threading.Event) -> None:
    begin = time.monotonic()
    while not over.wait(1):
        report(progress, time.monotonic() - begin)
