"""Prove by use that a service is on its old path after a rollback: a new, healthy process may still take the new one.

A plain restart of a container, for one, does not read the env file again. So a user of ours asks for what the stage's
users ask for, what was stored before is asked for again, and a scrape after that shows nothing of the new path.
Source: contract, "Metrics"; rollback plan.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from acceptance.conduct.services import Restarted
from acceptance.conduct.testdata import new_ids, trace_prefix
from acceptance.envfile.file import Change
from acceptance.finding import Finding, summary
from acceptance.observe.exported import await_scrape, still_exported
from acceptance.observe.prometheus import Prometheus
from acceptance.probes import user_path
from acceptance.probes.clients import Clients
from acceptance.stage_folders import Declared, flagged
from acceptance.target.model import Service, Target
from acceptance.verdict import MutationFailed


@dataclass(frozen=True)
class OldPathProof:
    """Says what is known of the service of each flag whose change was undone.

    What cannot be asked (Prometheus, MongoDB, the HW checker) is no obstacle to a rollback: it is told as not known.

    Attributes:
        target: Where.
        prefix: Of the user who asks; empty where nobody may.
        journal: Journals the test data of that user, before there are any.
        before: Prefixes of the users who used the new path.
    """

    target: Target
    prefix: str = ""
    journal: Callable[[], object] = lambda: None
    before: Sequence[str] = ()

    def accounts(self, change: Change, done: Sequence[Restarted]) -> list[str]:
        """Give what was seen, a sentence each.

        Args:
            change: What was undone.
            done: The restarts since.

        Raises:
            MutationFailed: A service still takes the new path, or its old path does not serve its users.
        """
        seen = {one.service for one in done if one.proved}
        was_on = bool(self.prefix) and change.value.lower() == "true"
        return [each for stage in self._switched_off(change) for each in self._told(stage, seen, was_on)]

    def _switched_off(self, change: Change) -> Iterator[Declared]:
        if (change.previous or "false").lower() == "true":
            return
        for stage in flagged():
            if self.target.flags[stage.id] in change.keys and stage.service in self.target.services:
                yield stage

    def _told(self, stage: Declared, seen: set[str], was_on: bool) -> Iterator[str]:
        service, used = self.target.service(stage.service), False
        if was_on:
            try:
                yield self._used(stage, service)
                used = True
            except MutationFailed:
                raise
            # guard: proof-by-use-needs-what-the-request-needs
            except Exception as error:  # a database that is away, a journal that is full: the rollback itself is done
                yield f"whether {service.name} serves its users on the old path is not known: {error}"
        yield self._exported(stage, service, seen, used)

    def _used(self, stage: Declared, service: Service) -> str:
        """Act as a user; see `acceptance.probes.user_path`."""
        if found := self._findings(stage):  # guard: old-path-must-serve-its-users
            raise MutationFailed(
                f"{service.name}: with {self.target.flags[stage.id]} off in {self.target.env_file} and restarted, "
                f"expected the old path to serve its users ({stage.request}), found {summary(found)}; see its log: "
                "what is wrong may be older than the rollback, or the old code cannot live with what the new one left"
            )
        return f"{service.name} serves a user on the old path ({stage.request}), with what was stored before"

    def _findings(self, stage: Declared) -> list[Finding]:
        first = 10**6 + secrets.randbelow(10**6)  # of numbers that no check of the run has come to
        clients = Clients(self.target, trace_prefix(self.prefix))
        with clients.database() as mongo:
            mongo.ping()  # first: without the database no answer says anything of the service
            self.journal()  # guard: user-of-the-proof-is-journalled-first
            user = user_path.User(clients, mongo, new_ids(self.prefix, first), self.before)
            return user_path.findings(user, stage.request, self.target.http_timeout_s)

    def _exported(self, stage: Declared, service: Service, seen: set[str], used: bool) -> str:
        if service.name not in seen:  # guard: only-a-new-process-is-asked
            return f"whether {service.name} left the new path is not known: its new process was not seen"
        try:
            names = self._names(stage, service, used)
        # guard: looking-back-at-the-new-path-needs-no-prometheus
        except Exception as error:  # whatever Prometheus answers, the rollback itself is done
            return f"whether {service.name} left the new path is not known: {error}"
        if names:
            raise MutationFailed(
                f"{service.name}: with {self.target.flags[stage.id]} off in {self.target.env_file} and restarted, "
                f"expected a process that exports nothing of the new path, found {', '.join(sorted(names))} for "
                f"{self.target.scrape_patience_s:g} s: it still takes the new path; see what environment it runs with, "
                "and create its container anew, since a plain restart does not read the env file again"
            )
        return f"{service.name} exports nothing of the new path ({stage.metrics}*){', after that' if used else ''}"

    def _names(self, stage: Declared, service: Service, used: bool) -> set[str]:
        """Look for names of the new path's metrics; that there is none counts only once a scrape has seen its use."""
        patience = self.target.scrape_patience_s
        prometheus = Prometheus.of(self.target)
        names = still_exported(prometheus, service.job, stage.metrics, patience)
        if names or not used:
            return names
        await_scrape(prometheus, service.job, patience)  # guard: old-path-is-scraped-after-it-was-used
        return still_exported(prometheus, service.job, stage.metrics, patience)
