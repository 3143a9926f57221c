"""What keeps a run, or a stage of it, from beginning: mutations not allowed, the window. Pure; nothing is changed yet.

Source: issue "Never half-switched", items 6 and 8; the checklist's special consideration "If Deployment Takes Longer
Than Expected".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acceptance.conduct.window import Window
from acceptance.stage import Stage, place_of
from acceptance.target.model import Target


@dataclass(frozen=True)
class Selected:
    """A check that is to run, and what can be told of it before.

    Attributes:
        nodeid: pytest's.
        fixtures: All fixtures that it needs, directly or not.
        calls: The names that its own body and its stage's fixtures use, such as ``restart``.
        own: Its stage's own fixtures, each with its description.
    """

    nodeid: str
    fixtures: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    own: tuple[tuple[str, str], ...] = ()

    @property
    def stage(self) -> str:
        """Its stage's id, empty for a check that is in no stage."""
        place = place_of(self.nodeid)
        return place[0] if place else ""

    @property
    def phase(self) -> str:
        """Its phase, empty for a check that is in no stage."""
        place = place_of(self.nodeid)
        return place[1] if place else ""

    @property
    def wants_flag(self) -> bool | None:
        """The flag's state that it asks for, None when any will do."""
        return True if "flag_on" in self.fixtures else False if "flag_off" in self.fixtures else None

    @property
    def restarts(self) -> bool:
        """Whether it restarts a service itself."""
        return "restart" in self.calls and "stage_work" in self.fixtures

    @property
    def changes(self) -> bool:
        """Whether it switches or adds a flag or restarts a service: the window is for that."""
        return self.wants_flag is not None or self.restarts or "add_flags" in self.calls

    @property
    def writes(self) -> bool:
        """Whether it leaves test data on the target until the run ends."""
        return "new_id" in self.fixtures


def late(target: Target, stage: Stage, outside_window: str, now: datetime) -> str | None:
    """Say why a stage may not begin at ``now``, or None: the window holds for production without a stated reason."""
    if target.kind != "production" or outside_window:
        return None
    planned, rollback = (timedelta(minutes=minutes) for minutes in (stage.planned_minutes, stage.rollback_minutes))
    return Window.refusal(now, planned, rollback)


def refusal(
    target: Target, stages: Mapping[str, Stage], checks: Sequence[Selected], outside_window: str, now: datetime
) -> str | None:
    """Say why a run of these checks may not begin, or None.

    Where a later stage alone would not fit, the run begins, and that stage is not run.
    """
    if target.provider:
        return None  # the target that it starts says for itself what is allowed
    # guard: allow-mutations-before-the-run
    if any(check.changes or check.writes for check in checks) and not target.allow_mutations:
        return (
            f"{target.source}: ALLOW_MUTATIONS is not true, so the suite may not switch a flag, restart a service or "
            "write test data, as the chosen checks do; set it to true in the target file if this target may be changed"
        )
    changed = [stage for name, stage in stages.items() if any(each.changes for each in checks if each.stage == name)]
    reasons = [late(target, stage, outside_window, now) for stage in changed]
    return f"stage {changed[0].id}: {reasons[0]}" if reasons and all(reasons) else None


def overrun(target: Target, stage: Stage, checks: Sequence[Selected], outside_window: str, now: datetime) -> str | None:
    """Say why a stage is not started although the run has begun, or None; one that changes nothing always may."""
    if not any(check.changes for check in checks if check.stage == stage.id):
        return None
    why = late(target, stage, outside_window, now)
    return f"window: {why}; approval needed: start it again with --operator NAME and that reason" if why else None
