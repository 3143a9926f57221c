"""Change a target and undo what was changed; the conductor is the only part of the suite that does.

It journals each change before it makes it (`intents` says what, when, and what undoes it), changes the flag,
restarts the service, proves the restart, and undoes all of it unless the stage was accepted: stages' flags by
`rollback`, the rest by `cleanup`. It runs in a process of its own (`acceptance.conduct.guardian`), so that
whatever happens to the test run, the undo is still there. Tests only read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.cleanup import Cleanup
from acceptance.conduct.intents import Intents
from acceptance.conduct.journal import Journal
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.conduct.old_path_proof import OldPathProof
from acceptance.conduct.rollback import StageUndo
from acceptance.conduct.services import Restarted, Restarter
from acceptance.conduct.stage_state import FlagState, Mode, Rollback, StageState
from acceptance.conduct.undo import Undo, restart
from acceptance.envfile.file import Change, EnvFile
from acceptance.events import EventLog
from acceptance.finding import summary
from acceptance.kinds import FlagChanged, FlagChanging, Note, StageAccepted, TriggerFired
from acceptance.stage import Stage
from acceptance.target.model import Target
from acceptance.verdict import DataLeft, Inconclusive, MutationFailed, Refused, RollbackFailed, Untouched

SECURITY_INCIDENT = "trigger.4"
"""The checklist's line for what is written where it should not be."""


class Conductor:
    """Makes and undoes the changes of one run.

    The caller holds the target's lock and has opened the journal. `may_start` says why a stage may not start,
    `in_time` why so many more minutes of it and its rollback do not fit any more, `may_accept` why it may not be
    accepted, `lost` why the lock is no longer ours; all None while all is well. `prefix` is that of the run's test
    data: a user of it proves the old path after a rollback. Methods raise `Refused` before anything is changed,
    `MutationFailed` when a change did not take effect, `RollbackFailed` when the undo did not.
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
        in_time: Callable[[Stage, float], str | None] = lambda *_: None,
        prefix: str = "",
        may_accept: Callable[[Stage], str | None] = lambda _: None,
    ) -> None:
        self._target = target
        self._env = EnvFile(target.env_file)
        self._events = events
        self._restarter = restarter
        self._mode = mode
        self._may_start = may_start
        self._in_time = in_time
        self._may_accept = may_accept
        self._stages: dict[str, StageState] = {}
        self._told = told = BestEffort(events)  # for the undo, which no full disk may stop
        proof = OldPathProof(target, prefix, lambda: self.expect_data(prefix), (prefix,))
        undo = Undo(target, told, restarter, proof)
        self._intents = Intents(target, journal, lost)
        self._cleanup = Cleanup(target, self._intents, undo)
        self._stage_undo = StageUndo(target, self._stages, self._intents, undo, told, mode)

    def expect_data(self, prefix: str, places: Sequence[Path] = ()) -> None:
        """Announce that test data with this prefix will be written; the end of the run removes it.

        Args:
            prefix: What names it.
            places: Where attacks could leave some, and nothing is yet; looked at besides the storage.
        """
        if self._mode == "survey" and not self._target.allow_mutations:
            raise Untouched(f"ALLOW_MUTATIONS of {self._target.source.name} is not true: no test data is written")
        self._cleanup.expect_data(prefix, places)

    def set_flag(self, stage: Stage, value: bool) -> FlagState:
        """Set a stage's flag and restart its service; without a restart where the flag is set already."""
        if self._mode == "survey":
            return self._flag_as_found(stage, value)
        state = self._begin(stage)
        flag = self._target.flags[stage.id]
        if state.rollback:
            raise Refused(f"stage {stage.id} was rolled back ({state.rollback.reason}); it is not started again")
        if state.flag and state.flag.value is value:
            return state.flag
        if value:
            self._require_time(stage, stage.soak_s(self._target) / 60)
        intended, before = time.time(), self._checked_flag(flag, state)
        restarted = None
        if before is not value:
            FlagChanging(stage=stage.id, flag=flag, value=_word(value)).tell(self._events)
            self._env.set(flag, _word(value), announce=lambda change: self._journal_change(state, change))
            restarted = self._restart(stage.service)[0]
            changed = FlagChanged(
                stage=stage.id, flag=flag, before=_word(before), after=_word(value), file=str(self._target.env_file)
            )
            changed.tell(self._events)
        state.flag = FlagState(stage.id, flag, value, time.time(), restarted, intended)
        return state.flag

    def add_flags(self, stage: Stage, flags: Sequence[str]) -> tuple[str, ...]:
        """Append the flags that the env file lacks, as false, for later stages to switch (21_00.checklist.1).

        Returns:
            Those that were added. They stay in mode `deploy`; a rehearsal takes them out again at its end.
        """
        self._require_touch("add a flag")
        self._begin(stage)
        present = self._env.read()
        if missing := tuple(flag for flag in flags if flag not in present):
            comment = f"Epic 21 feature flags (added {datetime.now(UTC):%Y-%m-%d %H:%M} UTC)"
            self._env.append(dict.fromkeys(missing, "false"), comment, announce=self._cleanup.adding)
            Note(text=f"added to {self._target.env_file}, as false: {', '.join(missing)}").tell(self._events)
            if self._mode == "deploy":
                self._cleanup.added_to_stay()
        return missing

    def restart(self, stage: Stage, service: str) -> tuple[Restarted, ...]:
        """Restart a service as part of a stage; one that does not end well is repeated at the end of the run."""
        self._require_touch(f"restart {service}")
        self._begin(stage)
        number = self._cleanup.restarting(service)
        done = self._restart(service)
        self._cleanup.restarted(number)
        for state in self._stages.values():
            if state.flag:
                self._require_as_set(state.flag.flag, state.flag.value)
        return done

    def accept(self, stage_id: str) -> bool:
        """Accept a stage; returns whether its flag is left enabled, as in mode `deploy`."""
        self._require_touch("accept a stage")
        state = self._stages[stage_id]
        if state.rollback:
            raise Refused(f"stage {stage_id} was rolled back and cannot be accepted: {state.rollback.reason}")
        if state.flag:
            self._require_as_set(state.flag.flag, state.flag.value)
        self._require_time(state.stage, 0)
        if unknown := self._may_accept(state.stage):  # guard: sign-offs-are-known-before-acceptance
            raise Inconclusive(unknown)
        state.accepted = True
        StageAccepted(stage=stage_id).tell(self._events)
        return self._mode == "deploy"

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """Undo a stage's flag change and restart its service, once; None when it changed nothing.

        Raises:
            RollbackFailed: The old behaviour is not back; the message says what to do by hand.
        """
        return self._stage_undo.rollback(stage_id, reason)

    def end_stage(self, stage_id: str) -> bool:
        """Leave a stage: leave its flag enabled if it was accepted in mode `deploy`, else undo the change.

        Returns:
            Whether the flag is left enabled.

        Raises:
            RollbackFailed: As for `rollback`.
        """
        return self._stage_undo.end_stage(stage_id)

    def roll_back_all(self, reason: str) -> list[str]:
        """Roll back every stage that is still open; returns what went wrong, having tried them all."""
        return self._stage_undo.roll_back_all(reason)

    def finish(self, reason: str) -> tuple[str, ...]:
        """End the run: leave every open stage, undo what else was changed, close the journal.

        A stage that is still open was cut short: it is rolled back for `reason`.

        Returns:
            The stages that were accepted.

        Raises:
            RollbackFailed: Something is not undone; everything else was still tried, the journal stays open.
            DataLeft: Only test data is left, or what was undone could not be noted.
        """
        failures = [*self.roll_back_all(reason), *self._cleanup.undo_changes()]
        left = self._cleanup.remove_data()
        self._tell_late_writes()  # guard: what-attacks-wrote-after-acceptance-is-told
        failures += self._stage_undo.switched_by_others()  # guard: flag-that-others-switched-on-again-is-told
        self._intents.settle_the_rest()
        if failures:
            raise RollbackFailed("\n".join([*failures, *left]))
        left += self._intents.close()  # guard: what-cannot-be-noted-is-no-failed-rollback
        if left:
            raise DataLeft("\n".join(left))
        return tuple(stage_id for stage_id, state in self._stages.items() if state.accepted and not state.rollback)

    def _tell_late_writes(self) -> None:
        """Fire an accepted stage's trigger for what attacks were found to have written when it was accepted."""
        late = ", ".join(map(str, self._cleanup.left_outside))
        for state in self._stages.values() if late else ():
            fires = [each for each in state.stage.triggers if SECURITY_INCIDENT in each.items]
            if not (fires and state.accepted) or state.rollback:
                continue
            flag = self._target.flags[state.stage.id]
            commands = "; ".join(by_hand_commands(self._target, state.stage.service, flag))
            TriggerFired(
                stage=state.stage.id,
                trigger=fires[0].id,
                items=fires[0].items,
                reason=f"expected nothing of the attacks outside the storage root, found when the run ended, after the "
                f"stage was accepted: {late} (removed); where {flag} is on, roll it back by hand, now: {commands}",
            ).tell(self._told)

    def _require_touch(self, what: str) -> None:
        if self._mode == "survey":  # guard: a-survey-touches-nothing
            raise Untouched(f"a survey does not {what}")

    def _flag_as_found(self, stage: Stage, value: bool) -> FlagState:
        flag, now = self._target.flags[stage.id], time.time()
        if self._env.flag(flag) is not value:
            raise Untouched(f"a survey switches nothing: expected {flag}={_word(value)}, found {_word(not value)}")
        return FlagState(stage.id, flag, value, now, None, now, as_found=True)

    def _require_time(self, stage: Stage, minutes: float) -> None:
        """Refuse what no longer fits into the window: checks may take longer than planned."""
        if refusal := self._in_time(stage, minutes):
            raise Refused(refusal)

    def _begin(self, stage: Stage) -> StageState:
        if stage.id not in self._stages:
            self._intents.allow(f"start stage {stage.id}")
            if refusal := self._may_start(stage):  # guard: the-conductor-asks-before-it-opens-a-stage
                raise Refused(refusal)
            self._stages[stage.id] = StageState(stage)
        return self._stages[stage.id]

    def _restart(self, service: str) -> tuple[Restarted, ...]:
        """Restart a service, and fail if its command has changed the env file."""
        before = self._env.held()
        done = restart(self._restarter, self._events, service)
        if found := self._env.held().unlike(before):  # guard: restart-leaves-the-env-file-alone
            raise MutationFailed(summary(found))
        return done

    def _require_as_set(self, flag: str, value: bool) -> None:
        """Fail if a flag is not as it was set: a restart command, or anybody else, may write the env file."""
        if drift := self._env.drift(flag, value):
            raise MutationFailed(str(drift))

    def _checked_flag(self, flag: str, state: StageState) -> bool:
        """Read the flag, and refuse a stage whose flag is true at its start: then there is nothing to compare with."""
        if faults := self._env.refusals([flag]):
            raise Refused("; ".join(map(str, faults)))
        value = self._env.flag(flag)
        if value and state.change is None:
            raise Refused(
                f"{self._target.env_file}: {flag} is already true; expected false before its stage "
                "(pre.technical.4). Set it to false and restart the service, or leave the stage out"
            )
        return value

    def _journal_change(self, state: StageState, change: Change) -> None:
        """Journal how a stage's first change is undone; a later one of the same stage has the same undo."""
        # At the last moment: the lock may have been lost since the stage began.
        self._intents.allow(f"set {change.keys[0]}")  # guard: lock-asked-at-the-last-moment
        if state.change is None:
            state.intent = self._intents.flag(state.stage.service, change)
            state.change = change


def _word(value: bool) -> str:
    return str(value).lower()
