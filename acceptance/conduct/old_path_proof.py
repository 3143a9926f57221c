"""Prove by use that a service is on its old path after a rollback: a new, healthy process may still take the new one.

A plain restart of a container, for one, does not read the env file again. So a user of ours asks for what the stage's
users ask for, what was stored before is asked for again, and a scrape after that shows nothing of the new path.
Source: contract, "Metrics"; rollback plan.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from acceptance.conduct.services import Restarted
from acceptance.conduct.testdata import new_ids, trace_prefix
from acceptance.envfile.file import Change
from acceptance.finding import Finding, summary
from acceptance.observe.exported import await_scrape, still_exported
from acceptance.observe.new_path import NewPath
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import beside
from acceptance.probes import user_path
from acceptance.probes.clients import Clients
from acceptance.stage_folders import Declared, flagged
from acceptance.target import by_hand
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
        tell: Told of each archive of theirs that was wrong before the rollback: the new path may have lost it.
    """

    target: Target
    prefix: str = ""
    journal: Callable[[], object] = lambda: None
    before: Sequence[str] = ()
    tell: Callable[[Finding], object] = lambda _: None
    _memories: dict[str, user_path.Memory] = field(default_factory=dict, repr=False)
    _begun: dict[tuple[str, ...], Future[dict[str, Finding]]] = field(default_factory=dict, repr=False)

    def begin(self, change: Change) -> None:
        """Look, beside the rollback, which archives are wrong before it: these it did not lose.

        Nothing waits for this: a database that does not answer must not hold up a rollback. A rollback that is tried
        again has the first one's look, for what that one lost is wrong by now.
        """
        if change.keys not in self._begun:
            self._begun[change.keys] = beside(self._wrong_archives if self._was_on(change) else dict)

    def accounts(self, change: Change, done: Sequence[Restarted]) -> list[str]:
        """Give what was seen, a sentence each; `begin` was called before the rollback.

        Args:
            change: What was undone.
            done: The restarts since.

        Raises:
            MutationFailed: A service still takes the new path, or its old path does not serve its users.
        """
        seen = {one.service for one in done if one.proved}
        begun = self._begun[change.keys]
        wrong = begun.result() if begun.done() and not begun.exception() else None
        use = partial(self._used, wrong=wrong) if self._was_on(change) else None
        told = [each for stage in self._switched_off(change) for each in self._told(stage, seen, use)]
        return [*told, *self._lost(wrong or {})]

    def _lost(self, wrong: Mapping[str, Finding]) -> list[str]:
        """Report archives that were wrong before the rollback: those of users may be wrong too."""
        lost = [found for path, found in wrong.items() if path != str(self.target.storage.root)]
        for found in lost:
            self.tell(found)  # guard: archives-lost-before-a-recovery-are-told
        if not lost:
            return []
        look = by_hand.script("validate_archive_checksums.py", self.target.source)
        return [f"before it was undone, {summary(lost)}; see whether users' archives are whole: {look}"]

    def _was_on(self, change: Change) -> bool:
        return bool(self.prefix) and change.value.lower() == "true"

    def _wrong_archives(self) -> dict[str, Finding]:
        clients = Clients(self.target, trace_prefix(self.prefix))
        with clients.database() as mongo:
            return dict(user_path.wrong_archives(user_path.User(clients, mongo, new_ids(self.prefix), self.before)))

    def _switched_off(self, change: Change) -> Iterator[Declared]:
        if (change.previous or "false").lower() == "true":
            return
        for stage in flagged():
            if self.target.flags[stage.id] in change.keys and stage.service in self.target.services:
                yield stage

    def _told(self, stage: Declared, seen: set[str], use: Callable[[Declared, Service], str] | None) -> Iterator[str]:
        service, used = self.target.service(stage.service), False
        path = NewPath(stage, self.target, Prometheus.of(self.target))
        before = self._left(path)
        if use:
            try:
                yield use(stage, service)
                used = True
            except MutationFailed:
                raise
            # guard: proof-by-use-needs-what-the-request-needs
            except Exception as error:  # a database that is away, a journal that is full: the rollback itself is done
                why = f"a stored document lacks the field {error}" if isinstance(error, KeyError) else error
                yield f"whether {service.name} serves its users on the old path is not known: {why}"
        yield self._shown(path, seen, used, before)

    def _used(self, stage: Declared, service: Service, wrong: Collection[str] | None) -> str:
        """Act as a user; see `acceptance.probes.user_path`."""
        if found := self._findings(stage, wrong):  # guard: old-path-must-serve-its-users
            raise MutationFailed(
                f"{service.name}: with {self.target.flags[stage.id]} off in {self.target.env_file} and restarted, "
                f"expected the old path to serve its users ({stage.request}), found {summary(found)}; see its log: "
                "what is wrong may be older than the rollback, or the old code cannot live with what the new one left"
            )
        return f"{service.name} serves a user on the old path ({stage.request}), with what was stored before"

    def _findings(self, stage: Declared, wrong: Collection[str] | None) -> list[Finding]:
        first = 80_000 + secrets.randbelow(19_000)  # of numbers that no check of the run has come to
        clients = Clients(self.target, trace_prefix(self.prefix))
        with clients.database() as mongo:
            mongo.ping()  # first: without the database no answer says anything of the service
            self.journal()  # guard: user-of-the-proof-is-journalled-first
            memory = self._memories.setdefault(stage.id, user_path.Memory())
            user = user_path.User(clients, mongo, new_ids(self.prefix, first), self.before, wrong, memory)
            return user_path.findings(user, stage.request, self.target.http_timeout_s)

    def _left(self, path: NewPath) -> frozenset[str]:
        """Give the signs of the new path that outlive its process, such as documents; a metric does not."""
        try:
            return frozenset() if path.by_metric else frozenset(path.seen(surely=False, ahead=True))
        except Exception:  # told when it is asked again
            return frozenset()

    def _shown(self, path: NewPath, seen: set[str], used: bool, before: frozenset[str]) -> str:
        service = path.service
        if service.name not in seen:  # guard: only-a-new-process-is-asked
            return f"whether {service.name} left the new path is not known: its new process was not seen"
        try:
            found = self._seen(path, used, before)
        # guard: looking-back-at-the-new-path-needs-no-prometheus
        except Exception as error:  # whatever it is, the rollback itself is done
            return f"whether {service.name} left the new path is not known: {error}"
        if found:
            raise MutationFailed(
                f"{service.name}: with {self.target.flags[path.stage.id]} off in {self.target.env_file} and restarted, "
                f"expected no sign of {path}, found {', '.join(sorted(found)[:5])} for "
                f"{self.target.scrape_patience_s:g} s: it still takes the new path; see what environment it runs with, "
                "and create its container anew, since a plain restart does not read the env file again"
            )
        return f"{service.name} shows nothing of the new path ({path}){', after that' if used else ''}"

    def _seen(self, path: NewPath, used: bool, before: frozenset[str]) -> set[str]:
        """Look for signs of the new path; an absent metric counts only after a scrape that began after the use."""
        if not path.by_metric:
            return (path.seen(surely=False, ahead=True) - before) or path.seen()
        patience = self.target.scrape_patience_s
        prometheus, job, prefix = path.prometheus, path.service.job, path.stage.metrics
        names = still_exported(prometheus, job, prefix, patience, used=path.used)
        if names or not used:
            return names
        await_scrape(prometheus, job, patience)  # guard: old-path-is-scraped-after-it-was-used
        return still_exported(prometheus, job, prefix, patience, used=path.used)
