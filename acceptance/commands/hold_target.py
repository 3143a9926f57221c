"""Hold a target for one command that changes it: whatever ends the command, its changes are undone.

The same watchdog as a test run's does it: it holds the target's lock, so that a command's attacks are not taken for a
breach by a run that watches the target, and removes the test data also after SIGKILL.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from acceptance.commands.interruption import report, report_signals_only
from acceptance.conduct.client import RemoteConductor
from acceptance.conduct.progress import UNDOING, progress
from acceptance.conduct.run import Run, new_run
from acceptance.conduct.testdata import new_ids
from acceptance.conduct.watchdog_start import start_watchdog
from acceptance.envfile.file import EnvFile
from acceptance.observe.logs import Logs
from acceptance.observe.store import Store
from acceptance.probes.archives.archives import good
from acceptance.probes.clients import Clients
from acceptance.probes.http.client import brief
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.run_folder import hold
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, Refused


@contextmanager
def holding(
    target: Target, reports: Path | None = None, outside_window: str = ""
) -> Iterator[tuple[Run, RemoteConductor]]:
    """Lock the target for this block, and undo at its end what is still open.

    Args:
        target: The target.
        reports: Where the folder with the event log is to stay; it goes with the command by default.
        outside_window: The reason for changing production outside its window.

    Raises:
        Refused: Mutations are not allowed, or somebody else holds the target.
        RollbackFailed: At the end something could not be undone; the message says what.
    """
    if not target.allow_mutations:  # guard: allow-mutations-in-a-command
        raise Refused(
            f"{target.source}: expected ALLOW_MUTATIONS=true, since this command changes the target; "
            "nothing was changed; set it if this target may be changed"
        )
    private = Path(tempfile.mkdtemp(prefix="butler-acceptance-"))
    run = new_run(
        target, reports or private, private, mode="rehearse", operator="", ticket="", outside_window=outside_window
    )
    held = hold(run.folder)
    try:
        watchdog = start_watchdog(run, private, [held])
        conductor = RemoteConductor(run, waiting=partial(_waiting, run.events))
        try:
            yield run, conductor
        finally:
            report_signals_only()
            try:
                conductor.finish("the command ended")
            finally:
                conductor.close()
                watchdog.wait()
    finally:
        os.close(held)
        shutil.rmtree(private, ignore_errors=True)


def _waiting(log: Path, call: str, seconds: float) -> None:
    if call in UNDOING:
        report(progress(log, call), seconds)


@dataclass(frozen=True)
class CommandSession:
    """A command's own test users and clients; see `command_session`.

    Attributes:
        prefix: What all its test data begins with.
        new_id: Makes the id of a test user from a word.
        uploader: Sends archives, with trace ids of the command's own.
        logs: The log of `butler-api`.
        mongo: The target's database.
        announce: Told where attacks could leave something, before they are sent.
    """

    target: Target
    prefix: str
    new_id: Callable[[str], str] = field(repr=False)
    uploader: Uploader
    logs: Logs
    mongo: Store
    announce: Callable[[Sequence[Path]], object] = field(repr=False)

    def see_a_good_upload(self) -> None:
        """Upload what must be accepted; without that a refusal proves nothing.

        Raises:
            Inconclusive: It is not accepted, or not found on disk.
        """
        archive = good()
        answer = self.uploader.send(Upload(self.new_id("good"), "hw02", archive))
        root = self.target.storage.root
        if answer.status != 201 or not copies_of(archive, root):
            raise Inconclusive(
                "expected a good upload to be accepted first, else a refusal proves nothing; found "
                f"{len(copies_of(archive, root))} copies of it below {root} and {brief(answer)}; "
                f"check API_URL and STORAGE_ROOT in {self.target.source}, and the service"
            )

    def hint(self) -> str:
        """Say that the old path was under test, where that explains a finding; else empty."""
        flag, env = self.target.flags["21_01c"], EnvFile(self.target.env_file).read()
        on = env.get(flag, "").lower() == "true"
        return "" if on else f"{flag} is not true in {self.target.env_file}: this was the old path"


@contextmanager
def command_session(target: Target) -> Iterator[CommandSession]:
    """Lock the target for a command that sends test data, and remove that data whatever ends the command.

    Raises:
        Refused: As `holding`.
        RollbackFailed: The data could not be removed.
    """
    with holding(target) as (run, conductor):
        conductor.expect_data(run.prefix)
        clients, announce = Clients(target, run.trace_prefix), partial(conductor.expect_data, run.prefix)
        with clients.database() as mongo:
            yield CommandSession(
                target, run.prefix, new_ids(run.prefix), clients.uploader, clients.logs("api"), mongo, announce
            )
