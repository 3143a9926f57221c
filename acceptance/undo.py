"""Undoing what a run changed: by the conductor at the end of a stage, or from the journal after a crash."""

from __future__ import annotations

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from acceptance.envfile import Change, EnvFile
from acceptance.events import EventLog
from acceptance.journal import Entry, Journal
from acceptance.services import Restarted, Restarter
from acceptance.target import Target
from acceptance.testdata import purge
from acceptance.verdict import MutationFailed, RecoveryNeeded, RollbackFailed


class Undo:
    """Puts a target back; every method is harmless when it was done before."""

    def __init__(self, target: Target, events: EventLog, restarter: Restarter) -> None:
        self._target = target
        self._events = events
        self._restarter = restarter

    def flag(self, stage_id: str, service: str, change: Change) -> str:
        """Put the env file's lines back and restart the service, trying the restart three times.

        Returns:
            What was done, in words.

        Raises:
            RollbackFailed: The old behaviour is not back; the message holds the commands to finish by hand.
        """
        steps: list[str] = []
        try:
            restored = EnvFile(self._target.env_file).restore(change)
            steps.append(" ".join(filter(None, [f"{change.path} put back ({restored.outcome})", restored.note])))
            steps += [_told(done) for done in self._restart_stubbornly(service)]
        except Exception as error:
            by_hand = by_hand_commands(self._target, service, change.keys[0])
            account = "; ".join([*steps, f"then failed: {error}"])
            self._events.append(
                "rollback.finished", stage=stage_id, ok=False, account=account, seconds=None, by_hand=by_hand
            )
            hand = "\n  ".join(by_hand)
            raise RollbackFailed(f"stage {stage_id} is half-switched: {account}. Finish by hand:\n  {hand}") from error
        return "; ".join(steps)

    def entry(self, entry: Entry) -> str:
        """Undo one open intent of the journal; returns what was done, in words."""
        undo = entry.undo
        if undo["kind"] == "flag":
            return self.flag("of an earlier run", undo["service"], Change.from_dict(undo["change"]))
        if undo["kind"] == "data":
            purged = purge(self._target, undo["prefix"])
            return f"removed {purged.documents} documents and {purged.files} files of {undo['prefix']}"
        return "; ".join(_told(done) for done in self._restart_stubbornly(undo["service"]))

    def _restart_stubbornly(self, service: str) -> tuple[Restarted, ...]:
        trying = Retrying(
            retry=retry_if_exception_type(MutationFailed),
            stop=stop_after_attempt(3),
            wait=wait_exponential(0.5, max=5),
            reraise=True,
        )
        return trying(restart, self._restarter, self._events, service, need_proof=False)


def restart(restarter: Restarter, events: EventLog, service: str, *, need_proof: bool = True) -> tuple[Restarted, ...]:
    """Restart a service with its events before and after."""
    events.append("service.restarting", service=service)
    done = restarter.restart(service, need_proof=need_proof)
    for one in done:
        events.append("service.restarted", **one.as_json())
    return done


def recover(target: Target, journal: Journal, events: EventLog, restarter: Restarter) -> list[str]:
    """Undo what a crashed run left open, the newest change first, and close its journal.

    Returns:
        One account for each change; empty when nothing was open.

    Raises:
        RecoveryNeeded: Something could not be undone, or the journal is not ours to undo.
    """
    accounts = []
    for entry in journal.adopt():
        try:
            account = Undo(target, events, restarter).entry(entry)
        except Exception as error:
            raise RecoveryNeeded(
                f"{journal.path}: «{entry.what}» of run {entry.run} could not be undone: {error}"
            ) from error
        journal.settle(entry.id, f"undone: {account}")
        events.append("recovery.undone", run=entry.run, what=entry.what, account=account)
        accounts.append(f"{entry.what} (run {entry.run}): {account}")
    return accounts


def by_hand_commands(target: Target, service: str, flag: str) -> list[str]:
    """Give the exact commands that finish a rollback, in the rollback plan's own way."""
    commands = {one.key: one.restart for one in target.services.values()} | {"all": target.restart_all}
    return [
        f"printf '%s=false\\n' {flag} >> {target.env_file}",
        f"cd {target.infra_dir} && {commands[service]}",
        f"grep -n {flag} {target.env_file}  # the last line wins",
    ]


def _told(done: Restarted) -> str:
    proof = f"new process seen after {done.seconds:.1f} s" if done.proved else "healthy, a new process was not seen"
    return f"{done.service} restarted by «{done.command}»: {proof}"
