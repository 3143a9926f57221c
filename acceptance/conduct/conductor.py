"""The conductor: the one party that changes a target, and that undoes what it changed.

It journals before each mutation, changes the flag, restarts the service, proves the restart, and puts all of it
back unless the stage was accepted. It runs in a process of its own (``acceptance.conduct.guardian``), so that whatever
happens to the test run, the undo is still there. Tests only read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from acceptance.conduct.journal import Journal
from acceptance.conduct.services import Restarted, Restarter
from acceptance.conduct.telling import BestEffort
from acceptance.conduct.testdata import purge
from acceptance.conduct.undo import Undo, by_hand_commands, restart
from acceptance.envfile.file import Change, EnvFile
from acceptance.events import EventLog
from acceptance.stages.stage import Stage
from acceptance.target.model import Target
from acceptance.verdict import RecoveryNeeded, Refused, RollbackFailed

Mode = Literal["rehearse", "deploy"]


@dataclass(frozen=True)
class FlagState:
    """A flag that was read back from the env file, and the restart that made it take effect.

    Attributes:
        since: When the service was seen back, unix seconds.
        restarted: None where the service already ran with this value.
    """

    stage: str
    flag: str
    value: bool
    since: float
    restarted: Restarted | None


@dataclass(frozen=True)
class Rollback:
    """The account of one rollback; ``seconds`` from the decision until the old behaviour was back."""

    stage: str
    reason: str
    account: str
    seconds: float


@dataclass
class _Open:
    """A stage in hand."""

    stage: Stage
    intent: int | None = None
    change: Change | None = None
    state: FlagState | None = None
    rollback: Rollback | None = None
    rollback_failed: bool = False
    accepted: bool = False


class Conductor:
    """Makes and undoes the changes of one run.

    The caller holds the target's lock and has opened the journal. ``may_start`` says why a stage may not start,
    ``lost`` why the lock is no longer ours; both None while all is well. Methods raise ``Refused`` before anything is
    changed, ``MutationFailed`` when a change did not take effect, ``RollbackFailed`` when the undo did not.
    """

    def __init__(
        self,
        target: Target,
        journal: Journal,
        events: EventLog,
        restarter: Restarter,
        mode: Mode = "rehearse",
        may_start: Callable[[Stage], str | None] = lambda _: None,
        lost: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._target = target
        self._env = EnvFile(target.env_file)
        self._journal = journal
        self._events = events
        self._restarter = restarter
        self._told = BestEffort(events)  # for the way back, which no full disk may stop
        self._undo = Undo(target, self._told, restarter)
        self._mode = mode
        self._may_start = may_start
        self._lost = lost
        self._open: dict[str, _Open] = {}
        self._data: tuple[int, str] | None = None
        self._added: tuple[int, Change] | None = None
        self._restarts: dict[int, str] = {}
        self._unsettled: dict[int, str] = {}

    def expect_data(self, prefix: str) -> None:
        """Announce that test data with this prefix will be written; the end of the run removes it."""
        if self._data:
            return
        self._allow("write test data")
        undo = {"kind": "data", "prefix": prefix}
        self._data = (self._journal.intend(f"test data of {prefix}", undo), prefix)

    def set_flag(self, stage: Stage, value: bool) -> FlagState:
        """Bring a stage's flag to ``value`` and its service to run with it; nothing to do is no restart."""
        held = self._begin(stage)
        flag = self._target.flags[stage.id]
        if held.rollback:
            raise Refused(f"stage {stage.id} was rolled back ({held.rollback.reason}); it is not started again")
        if held.state and held.state.value is value:
            return held.state
        before = self._checked_flag(flag, held)
        restarted = None
        if before is not value:
            self._events.append("flag.changing", stage=stage.id, flag=flag, value=_word(value))
            self._env.set(flag, _word(value), announce=lambda change: self._promise(held, change))
            restarted = restart(self._restarter, self._events, stage.service)[0]
            facts = {"before": _word(before), "after": _word(value), "file": str(self._target.env_file)}
            self._events.append("flag.changed", stage=stage.id, flag=flag, **facts)
        held.state = FlagState(stage.id, flag, value, time.time(), restarted)
        return held.state

    def add_flags(self, stage: Stage, flags: Sequence[str]) -> tuple[str, ...]:
        """Append the flags that the env file lacks, as false, for later stages to switch (21_00.checklist.1).

        Returns:
            Those that were added. They stay in mode ``deploy``; a rehearsal takes them out again at its end.
        """
        self._begin(stage)
        present = self._env.read()
        if missing := tuple(flag for flag in flags if flag not in present):
            comment = f"Epic 21 feature flags (added {datetime.now(UTC):%Y-%m-%d %H:%M} UTC)"
            self._env.append(dict.fromkeys(missing, "false"), comment, announce=self._promise_added)
            self._events.append("note", text=f"added to {self._target.env_file}, as false: {', '.join(missing)}")
            if self._mode == "deploy":
                self._settle_added("added to stay")
        return missing

    def restart(self, stage: Stage, service: str) -> tuple[Restarted, ...]:
        """Restart a service as part of a stage; one that does not end well is repeated at the end of the run."""
        self._begin(stage)
        self._allow(f"restart {service}")
        number = self._journal.intend(f"restart {service}", {"kind": "restart", "service": service})
        self._restarts[number] = service
        done = restart(self._restarter, self._events, service)
        del self._restarts[number]
        self._journal.settle(number, "restarted")
        return done

    def accept(self, stage_id: str) -> bool:
        """Take a stage as passed. Its flag stays on in mode ``deploy``; returns whether it will."""
        held = self._open[stage_id]
        if held.rollback:
            raise Refused(f"stage {stage_id} was rolled back and cannot be accepted: {held.rollback.reason}")
        held.accepted = True
        self._events.append("stage.accepted", stage=stage_id)
        return self._mode == "deploy"

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """Put a stage's flag back and restart its service, once; None when it changed nothing.

        Raises:
            RollbackFailed: The old behaviour is not back; the message says what to do by hand.
        """
        held = self._open.get(stage_id)
        if held is None or held.rollback or held.change is None:
            return held.rollback if held else None
        self._told.append("rollback.started", stage=stage_id, reason=reason)
        held.rollback = self._put_back(held, held.change, reason)
        facts = {"account": held.rollback.account, "seconds": held.rollback.seconds}
        self._told.append("rollback.finished", stage=stage_id, ok=True, by_hand=[], **facts)
        return held.rollback

    def end_stage(self, stage_id: str) -> bool:
        """Leave a stage: keep its flag if it was accepted in mode ``deploy``, else put it back.

        Returns:
            Whether the flag was kept on.

        Raises:
            RollbackFailed: As for ``rollback``.
        """
        held = self._open.get(stage_id)
        if held is None or held.change is None or held.rollback or held.rollback_failed:
            return False  # what failed is tried once more at the end of the run
        if held.accepted and self._mode == "deploy":
            return self._keep(held)
        done = self._put_back(held, held.change, "the rehearsal is over")
        self._told.append(
            "flag.restored",
            stage=stage_id,
            flag=self._target.flags[stage_id],
            account=done.account,
            seconds=done.seconds,
        )
        return False

    def _put_back(self, held: _Open, change: Change, reason: str) -> Rollback:
        begin = time.monotonic()
        held.rollback_failed = True  # until it has not
        account = self._undo.flag(held.stage.id, held.stage.service, change)
        held.rollback_failed = False
        self._settle(held, reason)
        return Rollback(held.stage.id, reason, account, time.monotonic() - begin)

    def _keep(self, held: _Open) -> bool:
        """Keep an accepted stage's flag on; what cannot be noted as kept is put back, as by any next run."""
        try:
            self._journal.settle(held.intent or 0, "accepted and kept")
        except OSError as error:
            self.rollback(held.stage.id, f"accepted, but that cannot be journalled: {error}")
            return False
        held.state = held.change = held.intent = None
        return True

    def _settle(self, held: _Open, how: str) -> None:
        """Note that a stage's flag needs no undo any more; a journal that cannot be written is tried at the end."""
        number = held.intent
        held.state = held.change = held.intent = None
        if number is not None:
            self._note_settled(number, how)

    def _note_settled(self, number: int, how: str) -> None:
        try:
            self._journal.settle(number, how)
        except OSError:
            self._unsettled[number] = how
        else:
            self._unsettled.pop(number, None)

    def roll_back_all(self, reason: str) -> list[str]:
        """Roll back every stage that is still open; returns what went wrong, having tried them all."""
        failures = []
        for stage_id in reversed(self._open):
            try:
                self.rollback(stage_id, reason)
            except Exception as error:  # whatever it is, the other stages are to be put back too
                failures.append(str(error))
        return failures

    def finish(self, reason: str) -> tuple[str, ...]:
        """End the run: leave every open stage, remove the test data, close the journal.

        A stage that is still open was cut short: it is rolled back for ``reason``.

        Returns:
            The stages that were accepted.

        Raises:
            RollbackFailed: Something is not undone; everything else was still tried, the journal stays open.
        """
        failures = [*self.roll_back_all(reason), *self._repeat_restarts(), *self._remove_added(), *self._remove_data()]
        for number, how in list(self._unsettled.items()):
            self._note_settled(number, how)
        if not failures:
            failures += self._close_journal()
        if failures:
            raise RollbackFailed("\n".join(failures))
        return tuple(stage_id for stage_id, held in self._open.items() if held.accepted and not held.rollback)

    def _repeat_restarts(self) -> list[str]:
        """Restart what a failed restart may have left down; returns what went wrong."""
        failures = []
        for number, service in list(self._restarts.items()):
            try:
                account = self._undo.service(service)
            except Exception as error:  # whatever it is, it must be told
                command = by_hand_commands(self._target, service, "")[1]
                failures.append(f"{service} did not come back: {error}. By hand:\n  {command}")
            else:
                del self._restarts[number]
                self._note_settled(number, account)
        return failures

    def _remove_added(self) -> list[str]:
        """Take the flags that a rehearsal added out of the env file again; returns what went wrong."""
        if self._added is None:
            return []
        try:
            account = self._undo.flag("21_00", "all", self._added[1])
        except Exception as error:  # whatever it is, it must be told
            return [str(error)]
        self._settle_added(account)
        return []

    def _settle_added(self, how: str) -> None:
        if self._added:
            number, self._added = self._added[0], None
            self._note_settled(number, how)

    def _remove_data(self) -> list[str]:
        """Remove the run's test data; returns what went wrong."""
        if self._data is None:
            return []
        number, prefix = self._data
        try:
            purged = purge(self._target, prefix)
        except Exception as error:  # whatever it is, it must be told
            return [f"test data of {prefix} is not removed: {error}; the next run or scripts/ops/recover.py removes it"]
        self._data = None
        self._note_settled(number, f"removed {purged.documents} documents, {purged.files} files")
        return []

    def _close_journal(self) -> list[str]:
        try:
            self._journal.close()
        except (OSError, RecoveryNeeded) as error:
            return [f"everything is put back, but that could not be noted: {error}; run scripts/ops/recover.py"]
        return []

    def _begin(self, stage: Stage) -> _Open:
        if stage.id not in self._open:
            self._allow(f"start stage {stage.id}")
            if refusal := self._may_start(stage):
                raise Refused(refusal)
            self._open[stage.id] = _Open(stage)
        return self._open[stage.id]

    def _allow(self, what: str) -> None:
        if lost := self._lost():
            raise Refused(f"the target's lock is lost, so the suite may not {what}: {lost}; see who else is at work")
        if not self._target.allow_mutations:
            raise Refused(
                f"{self._target.source}: ALLOW_MUTATIONS is not true, so the suite may not {what}; "
                "set it to true in the target file if this target may be changed"
            )

    def _checked_flag(self, flag: str, held: _Open) -> bool:
        """Read the flag; a stage starts from false, for there is nothing to compare with otherwise."""
        if faults := [finding.message for finding in self._env.diagnose([flag]) if finding.severity == "refuse"]:
            raise Refused("; ".join(faults))
        value = self._env.flag(flag)
        if value and held.change is None:
            raise Refused(
                f"{self._target.env_file}: {flag} is already true; expected false before its stage "
                "(pre.technical.4). Set it to false and restart the service, or leave the stage out"
            )
        return value

    def _promise(self, held: _Open, change: Change) -> None:
        """Journal how a stage's first change is undone; a later one of the same stage has the same undo."""
        self._allow(f"set {change.keys[0]}")  # at the last moment: the lock may have been lost since the stage began
        if held.change is None:
            undo = {"kind": "flag", "service": held.stage.service, "change": change.to_dict()}
            held.intent = self._journal.intend(f"{change.keys[0]} {change.previous} -> {change.value}", undo)
            held.change = change

    def _promise_added(self, change: Change) -> None:
        """Journal how flags that are about to be added are taken out again."""
        self._allow(f"add {', '.join(change.keys)}")
        undo = {"kind": "flag", "service": "all", "change": change.to_dict()}
        self._added = (self._journal.intend(f"add {change.value}", undo), change)


def _word(value: bool) -> str:
    return str(value).lower()
