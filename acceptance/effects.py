"""Declare what a check may do to a target, and refuse what it did not declare.

Whatever changes a target says so here first. While a check runs, that is refused unless the check declared it; outside
of checks (scripts, the watchdog) nothing is refused. The state is the process's own, not the thread's: one check runs
at a time, and its traffic has threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum


class Effect(StrEnum):
    """What a check may do to a target; one that declares none only looks."""

    FLAG = "switch or add a flag"
    RESTART = "restart a service"
    DATA = "write test data"


class UndeclaredError(Exception):
    """A check did more than it declares."""


@dataclass
class Declared:
    """What the check in hand may do.

    Attributes:
        check: Its node id.
        effects: What it declares.
        undeclared: What it tried beyond that, also where nobody heard the refusal.
    """

    check: str
    effects: frozenset[Effect]
    undeclared: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Fail the check that swallowed a refusal.

        Raises:
            UndeclaredError: It did more than it declares.
        """
        if self.undeclared:
            raise UndeclaredError(self.undeclared[0])


_in_hand: list[Declared] = []


@contextmanager
def declared(check: str, effects: frozenset[Effect]) -> Iterator[Declared]:
    """Refuse, within this block, what the check does not declare."""
    mine = Declared(check, effects)
    _in_hand.append(mine)
    try:
        yield mine
    finally:
        _in_hand.remove(mine)


def about_to(effect: Effect, what: str) -> None:
    """Refuse an effect that the check in hand does not declare; to be called before it happens.

    Raises:
        UndeclaredError: The check in hand does not declare it.
    """
    if (told := seen(effect, what)) is not None:
        raise UndeclaredError(told)


def seen(effect: Effect, what: str) -> str | None:
    """Note an effect that cannot be refused any more; a check that did not declare it fails at its end."""
    if not _in_hand or effect in _in_hand[-1].effects:
        return None
    mine = _in_hand[-1]
    may = ", ".join(sorted(mine.effects)) or "only look"
    told = (
        f"expected {mine.check} to do no more than it declares ({may}), found: {what}; "
        f"let it ask for the fixture that allows it to {effect} (docs/adding-a-stage.md)"
    )
    mine.undeclared.append(told)
    return told
