"""Undo what a run changed: by the conductor at the end of a stage, or from the journal after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.journal import Entry, Journal
from acceptance.conduct.manual_recovery import by_hand_commands, state_found
from acceptance.conduct.old_path_proof import OldPathProof
from acceptance.conduct.services import Restarted, Restarter
from acceptance.conduct.testdata import new_prefix, purge
from acceptance.envfile.file import Change, EnvFile, EnvFileError
from acceptance.finding import Finding
from acceptance.kinds import Log, RecoveryUndone, RollbackFinished, ServiceRestarted, ServiceRestarting
from acceptance.probes.attacks.escape_targets import Escapes
from acceptance.target.by_hand import recover as recover_by_hand
from acceptance.target.model import Target
from acceptance.verdict import DataLeft, MutationFailed, NothingRestarted, RecoveryNeeded, RollbackFailed


class Undone(NamedTuple):
    """What was done, in words, and the seconds until the service was back; the proof comes after it."""

    account: str
    seconds: float


class Undo:
    """Undoes the changes of a target; every method is harmless when it was done before.

    Args:
        target: What was changed.
        events: Where it is told, as far as that is possible; None tells nobody.
        restarter: Restarts its services.
        proof: Says whether they are on their old paths then; by default without a user who asks.
    """

    def __init__(
        self, target: Target, events: Log | None, restarter: Restarter, proof: OldPathProof | None = None
    ) -> None:
        self._target = target
        self._events = events if isinstance(events, BestEffort) else BestEffort(events)
        self._restarter = restarter
        self._proof = proof or OldPathProof(target)

    def flag(self, stage_id: str, service: str, change: Change) -> Undone:
        """Restore the env file's lines and restart the service, trying each three times; then prove the old path.

        Raises:
            RollbackFailed: The old behaviour is not back; the message holds what was tried, the state of every
                flag and service, and the commands to finish by hand.
        """
        steps: list[str] = []
        begin = time.monotonic()
        self._proof.begin(change)
        try:
            env = EnvFile(self._target.env_file)
            restored = _stubbornly((EnvFileError, OSError), env.restore, change)
            steps.append(f"{change.path} restored ({restored.outcome}): {restored.note}")
            done = self._restart(service)
            steps += [*map(_told, done)]
            _require_still_back(env, change)
            seconds = time.monotonic() - begin
            steps += self._proof.accounts(change, done)  # guard: new-process-must-be-on-the-old-path
        except Exception as error:
            raise self._half_switched(stage_id, service, change.keys[0], steps, error) from error
        return Undone("; ".join(filter(None, [*steps, self._events.note()])), seconds)

    def service(self, service: str) -> str:
        """Restart a service of which a restart did not end well; returns what was done, in words.

        No flag was changed by that restart, so a command that restarts nothing has left the service as it was.

        Raises:
            MutationFailed: It is not up again.
        """
        try:
            return "; ".join(map(_told, self._restart(service)))
        except NothingRestarted as error:
            return f"{service} is healthy and runs as before: the restart command restarts nothing ({error})"

    def entry(self, entry: Entry) -> str:
        """Undo one open intent of the journal; returns what was done, in words."""
        undo = entry.undo
        if undo["kind"] == "flag":
            return self.flag("of an earlier run", undo["service"], self._here(Change.from_dict(undo["change"]))).account
        if entry.is_data:
            places = tuple(map(Path, undo.get("places", ())))
            purged = purge(self._target, undo["prefix"], Escapes(places, undo["since"]) if places else None)
            return f"{undo['prefix']}: {purged}"
        return self.service(undo["service"])

    def _here(self, change: Change) -> Change:
        """Give the change with the path of this env file: a container may have seen the file at another path."""
        there, here = Path(change.path), self._target.env_file
        if there.exists() and here.exists() and not there.samefile(here):
            raise RecoveryNeeded(
                f"the change is one of {there}, not of {here}; recover it with the target file of that"
            )
        return replace(change, path=str(here))

    def _restart(self, service: str) -> tuple[Restarted, ...]:
        done: tuple[Restarted, ...] = _stubbornly(
            (MutationFailed,), restart, self._restarter, self._events, service, need_proof=False
        )
        return done

    def _half_switched(
        self, stage_id: str, service: str, flag: str, steps: list[str], error: Exception
    ) -> RollbackFailed:
        account = "; ".join([*steps, f"then failed: {error}"])
        by_hand = [*by_hand_commands(self._target, service, flag), recover_by_hand(self._target.source)]
        state, flags = state_found(self._target)
        end = RollbackFinished(stage=stage_id, account=account, by_hand=tuple(by_hand), state=tuple(state), flags=flags)
        # guard: failed-rollback-is-an-event
        end.tell(self._events)
        lines = [
            f"stage {stage_id} is half-switched: {account}",
            *filter(None, [self._events.note()]),
            "Found now:",
            *(f"  {line}" for line in state),
            "Finish by hand:",
            *(f"  {line}" for line in by_hand),
        ]
        return RollbackFailed("\n".join(lines))


def restart(restarter: Restarter, events: Log, service: str, *, need_proof: bool = True) -> tuple[Restarted, ...]:
    """Restart a service with its events before and after."""
    ServiceRestarting(service=service).tell(events)
    done = restarter.restart(service, need_proof=need_proof)
    for one in done:
        ServiceRestarted(**asdict(one)).tell(events)
    return done


def recover(
    target: Target,
    journal: Journal,
    events: Log | None,
    restarter: Restarter,
    tell: Callable[[Finding], object] = lambda _: None,
) -> list[str]:
    """Undo what a crashed run left open: flags and services first, the newest change first; test data last.

    What cannot be undone does not keep the rest from being undone. `tell` is told what was lost before: see
    `OldPathProof`.

    Returns:
        One account for each change; empty when nothing was open.

    Raises:
        DataLeft: Only test data could not be removed, or what was undone not be noted.
        RecoveryNeeded: Something else could not be undone, or the journal cannot be read.
    """
    accounts, failures, only_data = [], [], True
    told = BestEffort(events)
    prefix, left = new_prefix(target.student_ids), journal.adopt()
    own = partial(journal.intend_data, prefix)
    before = [entry.undo["prefix"] for entry in left if entry.is_data]
    undo = Undo(target, told, restarter, OldPathProof(target, prefix, own, before, tell))
    for entry in _data_last(left, journal):
        try:
            account = undo.entry(entry)
        # guard: one-entry-does-not-keep-others-open
        except Exception as error:  # whatever it is, the rest is to be undone all the same
            failures.append(f"«{entry.what}» of run {entry.run} could not be undone: {error}")
            only_data = only_data and entry.is_data
            continue
        try:
            journal.settle(entry.id, f"undone: {account}")  # guard: undone-only-once
        except OSError as error:
            failures.append(f"«{entry.what}» of run {entry.run} is undone, but that could not be noted: {error}")
        RecoveryUndone(run=entry.run, what=entry.what, account=account, flags=_flags(entry)).tell(told)
        accounts.append(f"{entry.what} (run {entry.run}): {account}")
    if failures:
        lines = [f"{journal.path}:", *failures, *(f"undone: {each}" for each in accounts)]
        raise (DataLeft if only_data else RecoveryNeeded)("\n".join(lines))
    return accounts


def _data_last(left: Sequence[Entry], journal: Journal) -> Iterator[Entry]:
    """Give the flags and restarts first, then the test data: proving the old path makes some more."""
    yield from (entry for entry in left if not entry.is_data)
    yield from (entry for entry in journal.pending() if entry.is_data)


def _flags(entry: Entry) -> dict[str, str]:
    """Give the values that the flags of an intent have once it is undone."""
    if entry.undo["kind"] != "flag":
        return {}
    change = Change.from_dict(entry.undo["change"])
    return dict.fromkeys(change.keys, change.previous or "false")


def _require_still_back(env: EnvFile, change: Change) -> None:
    """Read the file again after the restart, whose command may write it."""
    if not env.is_restored(change):
        raise MutationFailed(
            f"{change.path}: {change.keys[0]} was restored, and after the restart it is {change.value} again: the "
            "restart command, or somebody else, writes this file"
        )
    if found := [str(each) for each in map(env.overruled, change.keys) if each]:  # guard: no-other-line-wins-for-it
        raise MutationFailed("; ".join(found))


def _stubbornly(errors: tuple[type[Exception], ...], act: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Try three times: a lock, a disk or a service may come free."""
    trying = Retrying(
        retry=retry_if_exception_type(errors),
        stop=stop_after_attempt(3),  # guard: retries-come-to-an-end
        wait=wait_exponential(0.5, max=5),
        reraise=True,
    )
    return trying(act, *args, **options)


def _told(done: Restarted) -> str:
    proof = f"new process seen after {done.seconds:.1f} s" if done.proved else "healthy, a new process was not seen"
    return f"{done.service} restarted by «{done.command}»: {proof}"
