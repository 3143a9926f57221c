"""Run one lab from start to end: `python -m lab serve`."""

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lab import binaries, faults, layout, ports, programs, supervise, supervisord
from lab.log import log_format

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Stopped(BaseException):
    """A signal asked the lab to end."""


def serve(home: Path | None, wanted_faults: Sequence[str], keep: bool) -> int:
    """Start a lab, print `READY <target file>`, and end it at the end of standard input or at a signal.

    Returns:
        0 after a proper life, 1 when the lab did not start; the reason is on standard error.
    """
    for number in _SIGNALS:
        signal.signal(number, _raise_stopped)
    place = None
    try:
        found = binaries.fetch()
        place = layout.make_home(home)
        return _life(place, found, wanted_faults)
    except _Stopped:
        return 0
    except (binaries.BinariesMissingError, layout.HomeError, supervise.StartError, ValueError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    finally:
        _ignore_signals()
        if place is not None and not keep:
            shutil.rmtree(place.home, ignore_errors=True)


def _life(place: layout.Layout, found: binaries.Binaries, wanted_faults: Sequence[str]) -> int:
    log_format()  # a wrong one is told here, once, and not by each service
    claim, numbers = ports.claim()
    with claim:
        layout.write(place, numbers)
        for name in wanted_faults:
            faults.switch(place.home, name, on=True)
        members = programs.programs(place, numbers, found)
        place.config.write_text(supervisord.config(place, members))
        keeper = supervise.start(place)
        try:
            supervise.wait_ready(place, keeper, members)
            print(f"READY {place.target}", flush=True)
            _wait_for_end(keeper)
        finally:
            _ignore_signals()
            supervise.stop(place, keeper)
    return 0


def _lease() -> list[int]:
    """Give standard input where its end says that nobody needs the lab any more: a pipe or a terminal, no /dev/null."""
    if sys.stdin is None:
        return []
    number = sys.stdin.fileno()
    mode = os.fstat(number).st_mode
    return [number] if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number) else []


def _wait_for_end(keeper: subprocess.Popen[bytes]) -> None:
    watched, lease = os.pidfd_open(keeper.pid), _lease()
    try:
        while True:
            readable, _, _ = select.select([*lease, watched], [], [])
            if watched in readable:
                raise supervise.StartError(f"supervisord ended unasked with code {keeper.poll()}")
            if not os.read(lease[0], 4096):
                return
    finally:
        os.close(watched)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
