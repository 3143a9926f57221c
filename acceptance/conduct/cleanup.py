"""Undo what only the end of a run undoes: restarts that did not end well, added flags, test data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from acceptance.conduct.intents import Intents
from acceptance.conduct.testdata import purge
from acceptance.conduct.undo import Undo
from acceptance.envfile.file import Change
from acceptance.probes.attacks.escape_targets import Escapes
from acceptance.target import by_hand
from acceptance.target.model import Target


class Cleanup:
    """Remembers such changes during the run and undoes them at its end; each is journalled before it is made.

    Args:
        target: Where they are.
        intents: Where they are journalled.
        undo: Restarts services and restores lines.
    """

    def __init__(self, target: Target, intents: Intents, undo: Undo) -> None:
        self._target = target
        self._intents = intents
        self._undo = undo
        self._restarts: dict[int, str] = {}
        self._added: tuple[int, Change] | None = None
        self._data: dict[int, tuple[str, Escapes | None]] = {}
        self.left_outside: list[Path] = []
        """What attacks had left outside the storage, and is removed."""

    def restarting(self, service: str) -> int:
        """Journal a restart that is about to be made; returns the intent's number, for `restarted`."""
        number = self._intents.restart(service)
        self._restarts[number] = service  # guard: restart-journalled-before-it-is-made
        return number

    def restarted(self, number: int) -> None:
        """Note that a restart ended well."""
        del self._restarts[number]
        self._intents.settle(number, "restarted")

    def adding(self, change: Change) -> None:
        """Journal flags that are about to be added; undone by removing them."""
        self._added = (self._intents.added(change), change)

    def added_to_stay(self) -> None:
        """Keep the added flags: a deployment's later stages switch them."""
        self._settle_added("added to stay")

    def expect_data(self, prefix: str, places: Sequence[Path] = ()) -> None:
        """Journal test data with this prefix, once, and at these places, each time; undone by removing it."""
        if places or not self._data:
            escapes = Escapes(tuple(places), time.time()) if places else None
            # guard: test-data-journalled-before-it-is-written
            self._data[self._intents.data(prefix, escapes)] = (prefix, escapes)

    def undo_changes(self) -> list[str]:
        """Repeat restarts and take added flags out; returns what went wrong, having tried each."""
        return [*self._repeat_restarts(), *self._remove_added()]

    def _repeat_restarts(self) -> list[str]:
        failures = []
        for number, service in list(self._restarts.items()):
            try:
                account = self._undo.service(service)
            except Exception as error:  # whatever it is, it must be told
                command = by_hand.restart(self._target, service)
                failures.append(f"{service} did not come back: {error}. By hand:\n  {command}")
            else:
                del self._restarts[number]
                self._intents.settle_if_possible(number, account)
        return failures

    def _remove_added(self) -> list[str]:
        if self._added is None:
            return []
        try:
            account = self._undo.flag("21_00", "all", self._added[1]).account
        except Exception as error:  # whatever it is, it must be told
            return [str(error)]
        self._settle_added(account)
        return []

    def _settle_added(self, how: str) -> None:
        if self._added:
            number, self._added = self._added[0], None
            self._intents.settle_if_possible(number, how)

    def remove_data(self) -> list[str]:
        """Remove the test data; returns what is left."""
        return [left for number in list(self._data) if (left := self._removed(number))]

    def _removed(self, number: int) -> str:
        prefix, escapes = self._data[number]
        try:
            purged = purge(self._target, prefix, escapes)
        except Exception as error:  # whatever it is, it must be told
            later = f"the next run removes it, or: {by_hand.recover(self._target.source)}"
            return f"test data of {prefix} is not removed: {error}; {later}"
        del self._data[number]
        self.left_outside += purged.outside
        self._intents.settle_if_possible(number, str(purged))
        return ""
