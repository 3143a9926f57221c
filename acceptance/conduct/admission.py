"""Say why a run or a stage may not begin: mutations are not allowed, or the window. Pure.

Source: issue "Never half-switched", items 6 and 8; the checklist's special consideration "If Deployment Takes Longer
Than Expected".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from acceptance.effects import Effect
from acceptance.stage import Stage, place_of
from acceptance.target.model import Target


@dataclass(frozen=True)
class Selected:
    """A check that is to run, and what is known of it before.

    Attributes:
        nodeid: pytest's.
        effects: What it declares that it may do to the target; none for one that only looks.
        fixtures: All fixtures that it needs, directly or not.
        own: Its stage's own fixtures, each with its description.
        title: What it claims.
    """

    nodeid: str
    effects: frozenset[Effect] = frozenset()
    fixtures: frozenset[str] = frozenset()
    own: tuple[tuple[str, str], ...] = ()
    title: str = ""

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
        if "flag_on" in self.fixtures:
            return True
        return False if "flag_off" in self.fixtures else None

    @property
    def restarts(self) -> bool:
        """Whether it restarts a service itself, and not to switch a flag."""
        return "restart" in self.fixtures

    @property
    def changes(self) -> bool:
        """Whether it switches or adds a flag or restarts a service: the window is for that."""
        return bool(self.effects - {Effect.DATA})

    @property
    def writes(self) -> bool:
        """Whether it leaves test data on the target until the run ends."""
        return Effect.DATA in self.effects

    def untouched(self) -> Selected:
        """Give the check as a survey makes it: it switches no flag and restarts no service."""
        return replace(
            self, effects=frozenset(), fixtures=self.fixtures - {"flag_on", "flag_off", "restart", "add_flags"}
        )

    def faults(self, stage: Stage) -> list[str]:
        """Name what the check asks for and its stage does not have."""
        if self.wants_flag is not None and not stage.flagged:
            return [f"{self.nodeid}: asks for a flag, and {stage.marker}/stage.toml has none; add `flag` there"]
        if {"flag_on", "flag_off"} <= self.fixtures:
            return [f"{self.nodeid}: asks for flag_on and flag_off; ask for one"]
        if self.restarts and not stage.service:
            return [f"{self.nodeid}: restarts a service, and {stage.marker}/stage.toml has none; add `service` there"]
        return []

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON-able data, for another process."""
        return asdict(self) | {"effects": sorted(self.effects), "fixtures": sorted(self.fixtures)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the check that `to_dict` gave."""
        effects = frozenset(Effect(each) for each in data["effects"])
        own = tuple((name, text) for name, text in data["own"])
        return cls(**{**data, "effects": effects, "fixtures": frozenset(data["fixtures"]), "own": own})


def late(target: Target, stage: Stage, outside_window: str, now: datetime) -> str | None:
    """Say why a stage may not begin at `now`, or None: the window holds for production without a stated reason."""
    if target.kind != "production" or outside_window:
        return None
    planned, rollback = (timedelta(minutes=minutes) for minutes in (stage.planned_minutes, stage.rollback_minutes))
    return target.window.refusal(now, planned, rollback)


def still_in_time(
    target: Target, stage: Stage, minutes: float, outside_window: str, now: datetime | None = None
) -> str | None:
    """Say why a begun stage with this many more minutes, and its rollback, no longer fits into the window, or None."""
    rest = replace(stage, planned_minutes=minutes)
    why = late(target, rest, outside_window, now or datetime.now(UTC))
    return f"stage {stage.id} runs late: {why}" if why else None


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
