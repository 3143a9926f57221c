"""End a flagged stage at its first failure and roll it back, once.

What is left of that stage, and of the stages that depend on it, is not run, and each says why.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from acceptance.checklist import item as item_of
from acceptance.checklist import load_items
from acceptance.conduct.client import RemoteConductor
from acceptance.events import EventLog
from acceptance.finding import Finding
from acceptance.kinds import StageFinished, StageStarted
from acceptance.planning.collection import stage_named
from acceptance.stage import Stage
from acceptance.stages.session import StageWork
from acceptance.verdict import (
    SILENT,
    Inconclusive,
    NotApplicable,
    Refused,
    RollbackFailed,
    Verdict,
    bad_or_blind,
    worst,
)

_BAD = (Verdict.FAIL, Verdict.INCONCLUSIVE)


@dataclass
class Progress:
    """How far one stage of this process has come.

    Attributes:
        planned_end: When it should be over, unix seconds.
        ended: Why no further check of it runs.
        ended_as: What it ended as.
        unfit: Why no stage may build on it; one without a flag goes on, for it has nothing to roll back.
    """

    stage: Stage
    planned_end: float = float("inf")
    ended: str = ""
    ended_as: Verdict = Verdict.SKIPPED
    unfit: str = ""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    answered: dict[str, set[Verdict]] = field(default_factory=dict)
    work: StageWork | None = None


class Flow:
    """Keeps the progress of the stages and ends a stage at its first failure."""

    def __init__(
        self,
        stages: Mapping[str, Stage],
        flags: Mapping[str, str],
        conductor: RemoteConductor,
        events: EventLog,
        not_now: Callable[[Stage], str | None] = lambda _: None,
        expected: Callable[[], Sequence[str]] = tuple,
        *,
        stops: bool = True,
    ) -> None:
        self._stages = {name: Progress(stage) for name, stage in stages.items()}
        self._flags = flags
        self._conductor = conductor
        self._events = events
        self._not_now = not_now
        self._expected = expected
        self._stops = stops
        self._one_at_a_time = threading.RLock()
        self._current: str | None = None
        self._running = ""

    def stage(self, stage_id: str) -> Progress:
        """Give a stage's progress."""
        return self._stages[stage_id]

    def others(self, stage_id: str) -> list[Stage]:
        """Give the other stages with a flag, of those that there are."""
        return [each.stage for name, each in self._stages.items() if name != stage_id and each.stage.flagged]

    def enter(self, stage_id: str, nodeid: str = "") -> str:
        """Note that this check of the stage comes next; returns why it may not run, or an empty string."""
        self._running = nodeid
        progress = self._stages[stage_id]
        if self._current != stage_id:
            self._current = stage_id
            if progress.stage.planned_minutes:
                progress.planned_end = time.time() + 60 * progress.stage.planned_minutes
            StageStarted(
                stage=stage_id,
                title=progress.stage.title,
                risk=progress.stage.risk,
                flag=self._flags.get(stage_id, ""),
                planned_minutes=progress.stage.planned_minutes,
            ).tell(self._events)
            # Told before its first check: a stage that does not fit any more is not half done.
            # guard: window-asked-again-at-each-stage
            if self._stops and not progress.ended and (why_not := self._not_now(progress.stage)):
                progress.ended, progress.ended_as = why_not, Verdict.NOT_RUN
        needed = [other for other in progress.stage.depends_on if other in self._stages]
        broken = [(other, why) for other in needed if (why := self._stages[other].ended or self._stages[other].unfit)]
        if broken and not progress.ended and self._stops:
            progress.ended = f"stage {broken[0][0]}, on which it depends, is not good: {broken[0][1]}"
        return progress.ended

    def note(self, stage_id: str, nodeid: str, items: Sequence[str], verdict: Verdict, reason: str) -> None:
        """Note the verdict of one check; the first bad one ends a flagged stage."""
        progress = self._stages[stage_id]
        progress.verdicts[nodeid] = verdict
        for item in items:
            progress.answered.setdefault(item, set()).add(verdict)
        if verdict not in _BAD:
            return
        why = f"{verdict}: {nodeid.rsplit('::', 1)[-1]}: {reason}"
        if not progress.stage.flagged:
            progress.unfit = progress.unfit or why
        self.end(stage_id, verdict, why)

    def end(self, stage_id: str, verdict: Verdict, reason: str) -> None:
        """End a stage for this reason and roll it back, once."""
        with self._one_at_a_time:
            progress = self._stages[stage_id]
            if progress.ended or not progress.stage.flagged or not self._stops:
                return
            progress.ended, progress.ended_as = reason, verdict
        # Without the lock: the watch that is stopped here may be about to end the stage itself.
        with _unwatched(progress.work):
            self._conductor.rollback(stage_id, reason)

    def leave(self, stage_id: str) -> None:
        """Note that no further test of this stage comes: its flag is left enabled if accepted, else restored."""
        progress = self._stages[stage_id]
        kept = False
        with _unwatched(progress.work):
            kept = self._conductor.end_stage(stage_id)
        verdict = worst([*progress.verdicts.values(), progress.ended_as])
        watch = progress.work.watch if progress.work else None
        StageFinished(
            stage=stage_id,
            verdict=verdict.value,
            reason=progress.ended,
            kept=kept,
            evaluations=watch.evaluations if watch else None,
            triggers=tuple(vars(each) for each in progress.work.triggers) if progress.work else (),
        ).tell(self._events)
        self._current = None

    def seen(self, item: str) -> set[Verdict]:
        """Give the verdicts of all checks so far that answer an item."""
        return {verdict for progress in self._stages.values() for verdict in progress.answered.get(item, set())}

    def weigh(self, *items: str) -> list[Finding]:
        """Name the items that a check found bad so far; see `weighed`."""
        return weighed({item: self.seen(item) for item in items}, "in this run")

    def accept(self, stage_id: str, besides: Sequence[str] = ()) -> list[str]:
        """Accept a stage of which nothing is `unmet`; give the items that were verified.

        Raises:
            Inconclusive: Something is.
        """
        if unmet := self.unmet(stage_id, besides):
            raise Inconclusive("the stage cannot be accepted: " + "; ".join(unmet))
        self._conductor.accept(stage_id)
        return [item for item, seen in self._stages[stage_id].answered.items() if Verdict.PASS in seen]

    def unmet(self, stage_id: str, besides: Sequence[str] = ()) -> list[str]:
        """Name what keeps a stage from being accepted: checks of it that did not run, unanswered items, bad ones.

        Args:
            stage_id: The stage.
            besides: Items that the accepting test answers itself.
        """
        progress = self._stages[stage_id]
        reasons = self._not_run(progress)
        for item in load_items():
            if not item.id.startswith(f"{stage_id}.") or item.id in besides:
                continue
            seen = progress.answered.get(item.id, set())
            if not seen:
                reasons.append(f"{item.id} was not checked: {item.text}")
            elif bad := seen - {Verdict.PASS, *SILENT}:
                reasons.append(f"{item.id} is {', '.join(sorted(bad))}: {item.text}")
        return reasons

    def _not_run(self, progress: Progress) -> list[str]:
        """Compare what ran with all checks of the stage, by node id; the one that asks is still running."""
        expected = [nodeid for nodeid in self._expected() if stage_named(nodeid) in (progress.stage.id, "")]
        if not expected:
            return [f"it is not known which checks stage {progress.stage.id} has"]
        ran = {nodeid for nodeid, verdict in progress.verdicts.items() if verdict is not Verdict.NOT_RUN}
        missing = [nodeid for nodeid in expected if nodeid not in ran | {self._running}]
        if not missing:
            return []
        return [f"{len(missing)} of {len(expected)} checks did not run or are left out, the first of them {missing[0]}"]


@contextmanager
def _unwatched(work: StageWork | None) -> Iterator[None]:
    """End a stage's watch around the undo in this block.

    It is awaited last: an evaluation in progress takes as long as Prometheus does to answer. An undo that fails is in
    the conductor's events, and again in its goodbye.
    """
    if work:
        work.cancel()
    with suppress(RollbackFailed, Refused):
        yield
    if work:
        work.close()


def weighed(seen: Mapping[str, set[Verdict]], where: str) -> list[Finding]:
    """Name the items that a check found bad, in the checklist's words.

    A check that was skipped, or is not applicable, says nothing: the item's other checks decide. An item of which every
    check is not applicable is left out.

    Args:
        seen: The verdicts of the checks of each item.
        where: Among which checks, such as `in this run`.

    Raises:
        NotApplicable: That is so of each of them.
        Inconclusive: None is bad, but not each is verified.
    """
    told = {item: verdicts - {*SILENT} for item, verdicts in seen.items() if verdicts != {Verdict.NOT_APPLICABLE}}
    if seen and not told:
        raise NotApplicable(f"what {', '.join(seen)} ask for is declared absent in the target file")
    failed = [item for item in told if Verdict.FAIL in told[item]]
    bad = [Finding("failed item", item, "PASS", f"FAIL: {item_of(item).text}") for item in failed]
    no_data = ", ".join(item for item in told if told[item] != {Verdict.PASS})
    return bad_or_blind(bad, [no_data] if no_data else [], f"not verified {where}: ")
