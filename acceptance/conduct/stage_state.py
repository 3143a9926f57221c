"""Hold the state of a stage: what was changed for it, how its flag stands, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from acceptance.conduct.services import Restarted
from acceptance.envfile.file import Change
from acceptance.stage import Stage
from acceptance.verdict import Untouched

Mode = Literal["rehearse", "deploy", "survey"]
"""Whether flags are restored, left enabled, or not touched at all."""


@dataclass(frozen=True)
class FlagState:
    """A flag that was read back from the env file, and the restart that made it take effect.

    Attributes:
        since: When the service was seen back, unix seconds.
        intended: Before anything was changed for it, unix seconds: what is new counts from here on.
        restarted: None where the service already ran with this value.
        as_found: Whether nobody set it: a survey takes the flag as it stands.
    """

    stage: str
    flag: str
    value: bool
    since: float
    restarted: Restarted | None
    intended: float = 0.0
    as_found: bool = False

    def switched(self) -> Restarted | None:
        """Give the restart by which the flag took effect.

        Raises:
            Untouched: Nobody switched it.
        """
        if self.as_found:
            raise Untouched(f"a survey switches nothing: {self.flag} was found {str(self.value).lower()}")
        return self.restarted


@dataclass(frozen=True)
class Rollback:
    """The account of one rollback; `seconds` until the service was back; its proof comes after that."""

    stage: str
    reason: str
    account: str
    seconds: float


@dataclass
class StageState:
    """One stage that was begun.

    Attributes:
        intent: Number in the journal of its flag's first change; None while nothing is to be undone.
        change: That change: what undoes it undoes the later ones as well.
        flag: How its flag stands; None where that is not known.
    """

    stage: Stage
    intent: int | None = None
    change: Change | None = None
    flag: FlagState | None = None
    rollback: Rollback | None = None
    rollback_failed: bool = False
    accepted: bool = False
