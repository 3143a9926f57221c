"""Put the flags of stages back: at a failure, at a trigger, or at the end of a rehearsal."""

from __future__ import annotations

import time
from collections.abc import Mapping

from acceptance.conduct.best_effort_log import BestEffort
from acceptance.conduct.intents import Promises
from acceptance.conduct.stage_state import Held, Mode, Rollback
from acceptance.conduct.undo import Undo
from acceptance.envfile.file import Change
from acceptance.kinds import FlagRestored, RollbackFinished, RollbackStarted
from acceptance.target.model import Target


class WayBack:
    """Puts back what stages changed; each at most once, but for one more try where the first failed.

    Args:
        target: Names the flags.
        held: The stages in hand, in the order in which they began; the conductor adds to them.
        promises: What is settled here.
        undo: Does it.
        told: Where it is told; no full disk may stop the way back.
        mode: Whether an accepted stage's flag is kept.
    """

    def __init__(
        self, target: Target, held: Mapping[str, Held], promises: Promises, undo: Undo, told: BestEffort, mode: Mode
    ) -> None:
        self._target = target
        self._held = held
        self._promises = promises
        self._undo = undo
        self._told = told
        self._mode = mode

    def rollback(self, stage_id: str, reason: str) -> Rollback | None:
        """See `Conductor.rollback`."""
        held = self._held.get(stage_id)
        if held is None or held.rollback or held.change is None:
            return held.rollback if held else None
        RollbackStarted(stage=stage_id, reason=reason).tell(self._told)
        held.rollback = self._put_back(held, held.change, reason)
        done = held.rollback
        RollbackFinished(stage=stage_id, ok=True, account=done.account, seconds=done.seconds).tell(self._told)
        return held.rollback

    def end_stage(self, stage_id: str) -> bool:
        """See `Conductor.end_stage`."""
        held = self._held.get(stage_id)
        if held is None or held.change is None or held.rollback or held.rollback_failed:
            return False  # what failed is tried once more at the end of the run
        if held.accepted and self._mode == "deploy":
            return self._keep(held)
        done = self._put_back(held, held.change, "the rehearsal is over")
        flag = self._target.flags[stage_id]
        FlagRestored(stage=stage_id, flag=flag, account=done.account, seconds=done.seconds).tell(self._told)
        return False

    def roll_back_all(self, reason: str) -> list[str]:
        """See `Conductor.roll_back_all`."""
        failures = []
        for stage_id in reversed(list(self._held)):
            try:
                self.rollback(stage_id, reason)
            # guard: one-stage-does-not-keep-others-on
            except Exception as error:  # whatever it is, the other stages are to be put back too
                failures.append(str(error))
        return failures

    def _put_back(self, held: Held, change: Change, reason: str) -> Rollback:
        begin = time.monotonic()
        held.rollback_failed = True  # until it has not
        account = self._undo.flag(held.stage.id, held.stage.service, change)
        held.rollback_failed = False
        self._settle(held, reason)
        return Rollback(held.stage.id, reason, account, time.monotonic() - begin)

    def _keep(self, held: Held) -> bool:
        """Keep an accepted stage's flag on; what cannot be noted as kept is put back, as by any next run."""
        try:
            self._promises.settle(held.intent or 0, "accepted", [self._target.flags[held.stage.id]])
        except OSError as error:  # guard: acceptance-that-cannot-be-journalled-is-none
            self.rollback(held.stage.id, f"accepted, but that cannot be journalled: {error}")
            return False
        held.state = held.change = held.intent = None
        return True

    def _settle(self, held: Held, how: str) -> None:
        """Note that a stage's flag needs no undo any more."""
        number = held.intent
        held.state = held.change = held.intent = None
        if number is not None:
            self._promises.settle_if_possible(number, how)
