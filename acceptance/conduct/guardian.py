"""Run the watchdog: the process that holds the conductor, so that the undo outlives the test run.

It is detached from the terminal and alive as long as the run's connection to it is. When that connection ends
without a goodbye (a second Ctrl-C, SIGKILL, a crash), the kernel closes the socket and the watchdog undoes
its changes at once. The journal covers the death of the watchdog itself.

    python -m acceptance.conduct.guardian RUN.json

prints one JSON line, `{"ready": true}` or `{"refused": "why", "exit_code": 13}`, and serves. Its standard input
is a second lease: it ends with the run also when that died before it connected.
"""

from __future__ import annotations

import json
import os
import signal
import socket as sockets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Listener
from pathlib import Path

from acceptance.conduct.admission import late, still_in_time
from acceptance.conduct.conductor import Conductor
from acceptance.conduct.journal import Journal
from acceptance.conduct.lock import Owner, TargetLock
from acceptance.conduct.run import Run
from acceptance.conduct.server import Watchdog
from acceptance.conduct.services import Restarter
from acceptance.conduct.undo import recover
from acceptance.conduct.unexpected import unexpected_flags
from acceptance.envfile.file import EnvFile
from acceptance.events import EventLog, read_events
from acceptance.kinds import Note, RunFinished
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.telegram.serving import serve
from acceptance.record.signoffs import missing
from acceptance.stage import Stage
from acceptance.target.loading import load_target
from acceptance.target.model import Target
from acceptance.target.redaction import redactor
from acceptance.verdict import DataLeft, Refused, RollbackFailed


def may_accept(run: Run, target: Target, stage: Stage) -> str | None:
    """Say why a stage may not be accepted now, or None: production needs the stage's own sign-offs before that."""
    if target.kind != "production" or run.mode != "deploy":
        return None
    found = missing(list(read_events(run.events)), stage.id)
    return (
        f"stage {stage.id} is not accepted: sign-offs missing: {', '.join(found)}; its flag is restored; give them "
        "with --sign-offs FILE or at the terminal (--ask), and see that its checks ask for them"
        if found
        else None
    )


@contextmanager
def held_target(run: Run, target: Target) -> Iterator[tuple[EventLog, Journal, Restarter, TargetLock]]:
    """Lock the target for this run, and undo what a crashed run left.

    Raises:
        Refused: Somebody else holds the target, or what a crashed run left cannot be undone.
    """
    env = EnvFile(target.env_file)
    env.read()  # refuses a target whose flags nobody can read
    events = EventLog(run.events, redactor(target))
    restarter = Restarter(target, Prometheus.of(target))
    owner = Owner(sockets.gethostname(), os.getpid(), run.operator, run.id, run.started)
    with TargetLock(target.journal_dir, owner, target.env_file) as lock:
        journal = Journal(target.journal_file, run.id)
        try:
            recover(target, journal, events, restarter)  # guard: undone-before-the-run-begins
        except DataLeft as left:  # flags and services are in order: no reason not to begin
            Note(text=f"test data of an earlier run is left: {left}").tell(events)
        journal.open()
        # guard: flag-that-no-journal-knows-of-is-noted
        for found in unexpected_flags(target, env.read(), journal.left_enabled()):
            Note(text=str(found)).tell(events)
        yield events, journal, restarter, lock


def main(argv: list[str] | None = None) -> int:
    """Serve one run; returns 0 when everything is undone, or left enabled on purpose."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the test run's business
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run = Run.load(Path((argv or sys.argv[1:])[0]))
    try:
        target = load_target(run.target_file)
        serve(target)  # here, for the undo of a run that died needs the bot too
        with held_target(run, target) as (events, journal, restarter, lock):
            conductor = Conductor(
                target,
                journal,
                events,
                restarter,
                run.mode,
                may_start=lambda stage: late(target, stage, run.outside_window, datetime.now(UTC)),
                may_accept=lambda stage: may_accept(run, target, stage),
                in_time=lambda stage, minutes: still_in_time(target, stage, minutes, run.outside_window),
                lost=lock.lost,
                prefix=run.prefix,
            )
            lease_s = partial(Stage.lease_seconds, scrape_interval_s=target.scrape_interval_s)
            undone = _serve(run, Watchdog(conductor, events, lease_s))
            _render_what_the_run_did_not(run)
            return 0 if undone else int(RollbackFailed.exit_code)
    except Exception as error:
        code = int(getattr(error, "exit_code", Refused.exit_code))
        with suppress(OSError):  # nobody may be left to read it
            print(json.dumps({"refused": f"{error}", "exit_code": code}), flush=True)
        return code


def _serve(run: Run, watchdog: Watchdog) -> bool:
    signalled, by_kernel = os.pipe()

    def take_signals() -> None:
        watchdog.end(f"the watchdog got {signal.Signals(os.read(signalled, 1)[0]).name}")

    def hold_input() -> None:
        os.read(sys.stdin.fileno(), 1)  # not by sys.stdin: its lock would abort the interpreter at its end
        watchdog.end()

    # A handler runs between any two steps of the main thread, and of itself: it must take no lock.
    os.set_blocking(by_kernel, False)
    signal.set_wakeup_fd(by_kernel, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=take_signals, daemon=True).start()
    with Listener(str(run.socket), family="AF_UNIX", backlog=16) as listener:
        threading.Thread(target=watchdog.serve, args=(listener,), daemon=True).start()
        print(json.dumps({"ready": True}), flush=True)
        threading.Thread(target=hold_input, daemon=True).start()
        watchdog.over.wait()
        return watchdog.leave()


def _render_what_the_run_did_not(run: Run) -> None:
    """Render the page of a run that was killed; a failure here only means that there is no page."""
    try:
        if not any(event.kind == RunFinished.kind for event in read_events(run.events)):
            from acceptance.record.publish import render  # late: it is needed after a crash only

            render(run.folder)
    except Exception as error:
        with suppress(OSError):
            print(f"{run.folder}: the page could not be rendered: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
