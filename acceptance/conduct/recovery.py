"""Put a target in order without a run: undo what a crash left open, or only list it.

For `scripts/ops/recover.py`, and for a run whose watchdog was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.journal import Entry, Journal
from acceptance.conduct.lock import LockHeld, Owner, TargetLock
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.conduct.run import Run
from acceptance.conduct.services import Restarter
from acceptance.conduct.undo import recover
from acceptance.envfile.file import EnvFile
from acceptance.events import EventLog, read_events
from acceptance.finding import Finding
from acceptance.kinds import Log, RecoveryUndone
from acceptance.observe.prometheus import Prometheus
from acceptance.record.stages import fold_flags
from acceptance.target import by_hand as commands
from acceptance.target.loading import load_target
from acceptance.target.model import Target
from acceptance.target.redaction import redactor
from acceptance.verdict import DataLeft, Refused, RollbackFailed

_DYING_S = 5.0
"""How long a holder that was just killed may still have the lock."""


def open_changes(target: Target) -> list[Entry]:
    """List what a crashed run left open, the newest first.

    Raises:
        LockHeld: A run is in progress; what is open is its own business.
        RecoveryNeeded: The journal is damaged or of a newer version.
    """
    with _held_journal(target, "listing") as journal:
        return journal.pending()


def recover_target(
    target: Target, run_id: str, events: Log | None = None, tell: Callable[[Finding], object] = lambda _: None
) -> list[str]:
    """Undo what a crashed run left open and close its journal; doing so twice is harmless.

    Args:
        target: The target.
        run_id: In whose name: it stands in the lock and the journal.
        events: Where it is told, as far as that is possible.
        tell: Told of each archive that was wrong before anything was undone.

    Returns:
        One account for each change; empty when nothing was open.

    Raises:
        LockHeld: A run is in progress.
        DataLeft: Only test data could not be removed, or what was undone not be noted.
        RecoveryNeeded: Something else could not be undone; everything else was.
    """
    restarter = Restarter(target, Prometheus.of(target))
    with _held_journal(target, run_id) as journal:
        accounts = recover(target, journal, events, restarter, tell)
        try:
            if not journal.is_closed():
                journal.close()
        except OSError as error:  # guard: recovery-that-cannot-be-noted-is-no-refusal
            noted = f"{journal.path}: nothing is open, but that could not be noted: {error}"
            raise DataLeft("\n".join([noted, *(f"undone: {each}" for each in accounts)])) from error
        return accounts


def recover_run(run: Run) -> None:
    """Undo from the journal what a run left open whose watchdog is gone, or tell that a colleague has done so.

    Raises:
        DataLeft: Only test data is left.
        RollbackFailed: Something else could not be undone.
    """
    target = load_target(run.target_file)
    waiting = stop_after_delay(6 * target.restart_timeout_s)
    try:
        Retrying(retry=retry_if_exception_type(LockHeld), stop=waiting, reraise=True)(_recover, target, run)
    except DataLeft:
        raise
    except (Refused, OSError) as error:
        raise RollbackFailed(
            f"the watchdog is gone and its changes could not be undone: {error}\n"
            f"Finish with: {commands.recover(run.target_file)}"
        ) from error


def _recover(target: Target, run: Run) -> None:
    events, left = EventLog(run.events, redactor(target)), ""
    try:
        recover_target(target, run.id, events)
    except LockHeld as held:
        pending = [entry for entry in Journal(target.journal_file, run.id).pending() if entry.run == run.id]
        if not all(entry.is_data for entry in pending):
            raise
        left = f"{pending[0].what} is left to them: {held}" if pending else ""
    found = EnvFile(target.env_file).read()
    log = list(read_events(run.events)) if run.events.is_file() else []  # its folder may be gone, too
    on = {flag for flag, value in fold_flags(log).items() if value == "true"}
    if off := {flag: found.get(flag, "absent") for flag in on if found.get(flag) != "true"}:
        what, account = "all that was open", "by somebody else, who held the target meanwhile"
        RecoveryUndone(run=run.id, what=what, account=account, flags=off).tell(BestEffort(events))
    if left:
        raise DataLeft(left)


def leave_data(target: Target, prefix: str) -> None:
    """Journal test data that are about to be written and stay: the next start, or recovery, removes them.

    Raises:
        LockHeld: A run is in progress.
        RecoveryNeeded: An earlier run left a change, which comes first.
    """
    with _held_journal(target, prefix) as journal:
        journal.open()
        journal.intend_data(prefix)
        journal.close()


def by_hand(target: Target, entry: Entry) -> list[str]:
    """Give the commands that undo an entry by hand."""
    if entry.undo["kind"] == "flag":
        flags, service = entry.undo["change"]["keys"], entry.undo["service"]
        return [*by_hand_commands(target, service, flags[0]), commands.recover(target.source)]
    if entry.is_data:
        return [commands.recover(target.source) + "  # again, and once MongoDB answers"]
    return [commands.restart(target, entry.undo["service"])]


@contextmanager
def _held_journal(target: Target, run_id: str) -> Iterator[Journal]:
    lock = TargetLock(target.journal_dir, Owner.here(run_id), target.env_file)
    waiting = Retrying(
        retry=retry_if_exception_type(LockHeld), stop=stop_after_delay(_DYING_S), wait=wait_fixed(0.2), reraise=True
    )
    waiting(lock.acquire)
    try:
        yield Journal(target.journal_file, run_id)
    finally:
        lock.release()
