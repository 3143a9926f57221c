"""Restore or roll back the flags of stages: at a failure, at a trigger, or at the end of a rehearsal."""

from __future__ import annotations

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.intents import Intents
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.conduct.stage_state import Mode, Rollback, StageState
from acceptance.conduct.undo import Undo
from acceptance.envfile.file import Change, EnvFile, EnvFileError
from acceptance.kinds import FlagChanged, FlagRestored, RollbackFinished, RollbackStarted
from acceptance.stage import Stage
from acceptance.target.model import Target


class StageUndo:
    """Undoes what stages changed; each at most once, but for one more try where the first failed.

    Args:
        target: Names the flags.
        stages: Those in hand, in the order in which they began; the conductor adds to them.
        intents: What is settled here.
        undo: Does it.
        told: Where it is told; no full disk may stop the undo.
        mode: Whether an accepted stage's flag is left enabled.
    """

    def __init__(
        self, target: Target, stages: dict[str, StageState], intents: Intents, undo: Undo, told: BestEffort, mode: Mode
    ) -> None:
        self._target = target
        self._stages = stages
        self._intents = intents
        self._undo = undo
        self._told = told
        self._mode = mode
        self._ended: dict[str, tuple[Stage, bool]] = {}  # by stage: how its flag stands at its end

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """See `Conductor.rollback`."""
        state = self._stages.get(stage_id)
        if state is None or state.rollback or state.change is None:
            return state.rollback if state else None
        RollbackStarted(stage=stage_id, reason=reason).tell(self._told)
        state.rollback = self._undone(state, state.change, reason)
        done = state.rollback
        RollbackFinished(stage=stage_id, ok=True, account=done.account, seconds=done.seconds).tell(self._told)
        return state.rollback

    def end_stage(self, stage_id: str) -> bool:
        """See `Conductor.end_stage`."""
        state = self._stages.get(stage_id)
        if state is None or state.change is None or state.rollback or state.rollback_failed:
            return False  # what failed is tried once more at the end of the run
        if state.accepted and self._mode == "deploy":
            return self._leave_enabled(state)
        done = self._undone(state, state.change, "the rehearsal is over")
        flag = self._target.flags[stage_id]
        FlagRestored(stage=stage_id, flag=flag, account=done.account, seconds=done.seconds).tell(self._told)
        return False

    def roll_back_all(self, reason: str) -> list[str]:
        """See `Conductor.roll_back_all`."""
        failures = []
        for stage_id in reversed(list(self._stages)):
            try:
                self.rollback(stage_id, reason)
            # guard: one-stage-does-not-keep-others-on
            except Exception as error:  # whatever it is, the other stages are to be rolled back too
                failures.append(str(error))
        return failures

    def switched_by_others(self) -> list[str]:
        """Read each flag that was undone or left enabled once more: somebody else may have switched it since.

        Returns:
            What is on again, with its commands. One that is off again needs none: the record says how it stands.
        """
        try:
            found = EnvFile(self._target.env_file).read()
        except (EnvFileError, OSError):  # it was read and written a moment ago, and then all was in order
            return []
        told = []
        for stage, value in self._ended.values():
            flag, file = self._target.flags[stage.id], self._target.env_file
            if (found.get(flag, "").lower() == "true") is value:
                continue
            before, after = (str(each).lower() for each in (value, not value))
            FlagChanged(stage=stage.id, flag=flag, before=before, after=after, file=str(file)).tell(self._told)
            if not value:
                commands = "\n  ".join(by_hand_commands(self._target, stage.service, flag))
                who = "somebody else writes this file; see who, then"
                told.append(f"{file}: {flag} was undone and is true again: {who}:\n  {commands}")
        return told

    def _undone(self, state: StageState, change: Change, reason: str) -> Rollback:
        state.rollback_failed = True  # until it has not
        done = self._undo.flag(state.stage.id, state.stage.service, change)
        state.rollback_failed = False
        self._ended[state.stage.id] = state.stage, False
        self._settle(state, reason)
        return Rollback(state.stage.id, reason, done.account, done.seconds)

    def _leave_enabled(self, state: StageState) -> bool:
        """Leave an accepted stage's flag enabled. If that cannot be journalled, roll back, as the next run would."""
        try:
            self._intents.settle(state.intent or 0, "accepted", [self._target.flags[state.stage.id]])
        except OSError as error:  # guard: acceptance-that-cannot-be-journalled-is-none
            self.rollback(state.stage.id, f"accepted, but that cannot be journalled: {error}")
            return False
        state.flag = state.change = state.intent = None
        self._ended[state.stage.id] = state.stage, True
        return True

    def _settle(self, state: StageState, how: str) -> None:
        """Note that a stage's flag needs no undo any more."""
        number = state.intent
        state.flag = state.change = state.intent = None
        if number is not None:
            self._intents.settle_if_possible(number, how)
