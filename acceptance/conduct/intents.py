"""Journal each change of a target before it is made, with what undoes it.

- A stage's flag: journalled before its first write to the env file. Undone by `rollback`, at a failure or when
  the stage ends: its lines are restored and its service restarts.
- A restart for its own sake: journalled before the command runs. Repeated by `cleanup`, at the end of the run, if it
  did not end well.
- Flags that were missing: journalled before they are appended. In a rehearsal taken out by `cleanup`, at the end of
  the run, and all services restart.
- Test data: journalled before the first id is given away. What carries its prefix is removed by `cleanup`, last.

A flag that is left enabled is settled without being undone. After a crash `acceptance.conduct.undo.recover` reads the
same intents and does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acceptance.conduct.journal import Journal
from acceptance.envfile.file import Change
from acceptance.probes.attacks.escape_targets import Escapes
from acceptance.target.by_hand import recover
from acceptance.target.model import Target
from acceptance.verdict import RecoveryNeeded, Refused


class Intents:
    """The run's intents in the journal; the methods that make one raise `Refused` where no change is allowed.

    Args:
        target: Whose target file says whether changes are allowed at all.
        journal: Opened by the run.
        lost: Why the target's lock is no longer ours; None while it is.
    """

    def __init__(self, target: Target, journal: Journal, lost: Callable[[], str | None]) -> None:
        self._target = target
        self._journal = journal
        self._lost = lost
        self._unsettled: dict[int, str] = {}

    def allow(self, what: str) -> None:
        """Refuse a change where the target may not be changed now.

        Raises:
            Refused: It may not.
        """
        if lost := self._lost():  # guard: lost-lock-forbids-every-change
            raise Refused(f"the target's lock is lost, so the suite may not {what}: {lost}; see who else is at work")
        if not self._target.allow_mutations:  # guard: allow-mutations-in-the-conductor
            raise Refused(
                f"{self._target.source}: ALLOW_MUTATIONS is not true, so the suite may not {what}; "
                "set it to true in the target file if this target may be changed"
            )

    def flag(self, service: str, change: Change) -> int:
        """Journal a flag's change; undone by restoring its lines and a restart. Returns the intent's number."""
        undo = {"kind": "flag", "service": service, "change": change.to_dict()}
        return self._journal.intend(f"{change.keys[0]} {change.previous} -> {change.value}", undo)

    def restart(self, service: str) -> int:
        """Journal a restart; undone by another one if need be. Returns the intent's number."""
        self.allow(f"restart {service}")
        return self._journal.intend(f"restart {service}", {"kind": "restart", "service": service})

    def added(self, change: Change) -> int:
        """Journal added flags; undone by removing them and restarting all services. Returns the intent's number."""
        self.allow(f"add {', '.join(change.keys)}")
        undo = {"kind": "flag", "service": "all", "change": change.to_dict()}
        return self._journal.intend(f"add {change.value}", undo)

    def data(self, prefix: str, escapes: Escapes | None = None) -> int:
        """Journal test data with this prefix; undone by removing it and what attacks left. Returns its number."""
        self.allow("write test data")
        left = {"places": list(map(str, escapes.places)), "since": escapes.since} if escapes else None
        return self._journal.intend_data(prefix, left)

    def settle(self, number: int, how: str, left_enabled: Sequence[str] = ()) -> None:
        """Note that an intent needs no undo any more, and which flags stay on by choice.

        Raises:
            OSError: That cannot be written.
        """
        self._journal.settle(number, how, left_enabled)

    def settle_if_possible(self, number: int, how: str) -> None:
        """Note that an intent was undone; a journal that cannot be written is tried again at the end."""
        try:
            self._journal.settle(number, how)
        except OSError:  # guard: journal-that-fills-in-the-undo
            self._unsettled[number] = how
        else:
            self._unsettled.pop(number, None)

    def settle_the_rest(self) -> None:
        """Try again what could not be noted."""
        for number, how in list(self._unsettled.items()):
            self.settle_if_possible(number, how)

    def close(self) -> list[str]:
        """Close the journal; returns what went wrong."""
        try:
            self._journal.close()
        except (OSError, RecoveryNeeded) as error:
            again = (
                f"the next start looks once more, and may restart a service; so does: {recover(self._target.source)}"
            )
            return [f"flags and services are in order, but that could not be noted: {error}; {again}"]
        return []
