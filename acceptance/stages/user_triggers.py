"""End a stage for a fault that only a user sees and our own traffic finds.

"Lost history" and "submissions not appearing" (target contract, "Limits that gates compare with") leave no trace in
metrics or logs, so that the watch cannot look for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acceptance.finding import Finding
from acceptance.gates.figures import TriggerState
from acceptance.kinds import TriggerFired
from acceptance.stages.session import StageWork
from acceptance.verdict import Inconclusive, Verdict


@dataclass(frozen=True)
class HardFault:
    """A fault that a user sees; more than `limit` in a row end the stage.

    Attributes:
        id: The trigger's name in the record.
        title: What went wrong, in words.
        items: Checklist items.
        limit: How many are still borne.
    """

    id: str
    title: str
    items: Sequence[str]
    limit: int

    def check(self, work: StageWork, count: int, found: Sequence[Finding]) -> None:
        """Record the trigger and have the stage rolled back, as the watch does, if there were too many.

        Args:
            work: The stage in hand.
            count: How many in a row there were.
            found: What the last one was.

        Raises:
            Inconclusive: It fired: what was going on is cut short.
        """
        fires = count > self.limit
        told = f"{count} in a row, the last: {'; '.join(map(str, found))}" if count else "none"
        reason = told if fires else f"did not fire; found {told}"
        before = work.user_triggers.get(self.id)
        work.user_triggers[self.id] = TriggerState(
            self.id,
            self.title,
            tuple(self.items),
            f"> {self.limit}",
            "in a row",
            value=count,
            evaluations=((before and before.evaluations) or 0) + 1,
            age_s=0.0,
            verdict=Verdict.FAIL if fires else Verdict.PASS,
            reason=reason,
        )
        if not fires:
            return
        fired = TriggerFired(
            stage=work.stage.id,
            trigger=self.id,
            items=tuple(self.items),
            value=count,
            threshold=f"> {self.limit}",
            reason=f"{self.title}: {reason}",
        )
        work.end_for(fired)
        raise Inconclusive(f"trigger {self.id}: {reason}")
