"""Run the attack corpus once, and read the log events that each attack left (21_01c.security.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity, ranked
from acceptance.observe.logs import Logs
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.attacks.control_uploads import StorageRoots, Students
from acceptance.probes.attacks.corpus import HARMLESS, Case
from acceptance.probes.attacks.requests import tag_of
from acceptance.probes.attacks.results import CaseResult, Results, emptied, removals
from acceptance.probes.attacks.runner import run
from acceptance.probes.storage.refused_documents import refused_documents
from acceptance.probes.storage.rejection import ANY, LOG_DELAY_S
from acceptance.probes.storage.uploads import Uploader
from acceptance.target.model import Storage
from acceptance.verdict import bad_or_blind

EVENTS = ("path_traversal", "size_limit", "checksum_failed", "av_scan_reject")
"""The events that a refused attack may leave."""


@dataclass(frozen=True)
class Attacks:
    """Results by case, and what the service logged.

    Attributes:
        results: By case id.
        events: Log events by trace id; by the empty string when the service does not take ours; None where the target
            file says that its log names no events.
        late: Finds what has come of them since.
        unlogged: Events that the target file says are not logged.
    """

    results: Results
    events: Mapping[str, Counter[str]] | None
    late: Callable[[Results], list[Finding]]
    unlogged: frozenset[str] = frozenset()

    def findings(self) -> list[Finding]:
        """Name everything that is wrong, worst first; empty when every attack was refused, without effect, and logged.

        Raises:
            Inconclusive: Nothing is wrong, and some answers say nothing about their attacks (401, 404, 429 ...).
        """
        found = [*self.results.findings, *self._unlogged()]
        no_data = self.results.no_data
        told = f"{len(no_data)} of {len(self.results)} attacks say nothing; the first: "
        return bad_or_blind(found, no_data[:1], told)

    def written_late(self) -> list[Finding]:
        """Find what a queue or a background task has written of them since they were judged, worst first.

        Raises:
            Inconclusive: A folder or a file cannot be read.
        """
        return ranked(self.late(self.results))

    def as_evidence(self) -> Evidence:
        """Give what was answered to each attack, one line each."""
        lines = [f"{name}: {result.exchange.status or result.exchange.error}" for name, result in self.results.items()]
        return Evidence("text", f"{len(lines)} attacks and their answers", {"text": "\n".join(lines)})

    def silent(self) -> list[CaseResult]:
        """Give the judged cases that the log does not hold."""
        return [result for result in self._asked if not self._logged(result)]

    @cached_property
    def _asked(self) -> list[CaseResult]:
        """The cases that the log must hold."""
        asked = (each for each in self.results.values() if each.case.expect_event not in (ANY, HARMLESS))
        return [result for result in asked if result.no_data is None]

    @cached_property
    def _counts(self) -> Counter[str]:
        """How many of them the log must hold by each event's name, and how many in all."""
        plain = Counter(result.case.expect_event for result in self._asked if result.case.is_plain)
        return plain + Counter({ANY: len(self._asked)})

    def _unlogged(self) -> Iterator[Finding]:
        for result in self.silent():
            event, found = result.case.expect_event, dict(self._of(result.exchange.trace_id))
            expected = f"the log event {event}" if result.case.is_plain else f"the log event {event}, or a warning"
            yield result.finding("not logged", Severity.LOW, expected, str(found or "none"))

    def _of(self, trace_id: str) -> Counter[str]:
        events = self.events or {}
        return events.get(trace_id, Counter()) if "" not in events else events[""]

    def _logged(self, result: CaseResult) -> bool:
        """Tell whether the log holds a case: by its event's name, or by any warning where the name is free."""
        event = result.case.expect_event if result.case.is_plain else ANY
        if self.events is None or result.case.expect_event in self.unlogged:
            return True
        # Without our trace ids events can only be counted: as many as there were attacks that ask for them.
        return self._of(result.exchange.trace_id)[event] >= (1 if "" not in self.events else self._counts[event])


def attack(
    cases: Sequence[Case],
    uploader: Uploader,
    storage: Storage,
    logs: Logs,
    *,
    attacker: str,
    victim: str,
    prefix: str,
    announce: Callable[[Sequence[Path]], object],
    mongo: Store,
) -> Attacks:
    """Run the cases, then wait a little until the log holds each of them; see `runner.run` for the arguments.

    Raises:
        Inconclusive: The corpus could not be run, or the log or MongoDB cannot be read.
    """
    start = datetime.now(UTC)
    canaries = storage.root.parent / f"canary-{prefix}"
    roots = StorageRoots(storage.root, storage.watch_dirs, canaries, storage.writers)
    done, surroundings = run(
        cases, uploader, roots=roots, students=Students(attacker, victim), run_prefix=prefix, announce=announce
    )
    results = with_orphans(done, mongo, prefix)

    def look() -> Attacks:
        if not logs.names_events:
            return Attacks(results, None, surroundings.written_late)
        logged = _events_logged(logs, start, traced=bool(uploader.trace_header))
        unlogged = frozenset(event for event in EVENTS if not logs.tells(event))
        return Attacks(results, logged, surroundings.written_late, unlogged)

    try:
        return poll(look, lambda seen: not seen.silent(), LOG_DELAY_S)
    finally:
        mongo["long_tasks"].delete_many({"user_id": attacker, "status": "queued"})
        _tidy(results)
        for student in (attacker, victim):  # else a rollback would say that the archives which are gone now were lost
            mongo["review_archives"].delete_many({"student_id": student})


def _events_logged(logs: Logs, start: datetime, *, traced: bool) -> dict[str, Counter[str]]:
    """Count the security events and warnings since `start` by trace id; all under the empty string where none is ours.

    Raises:
        Inconclusive: The log cannot be read, or says nothing of its events.
    """
    found: dict[str, Counter[str]] = {} if traced else {"": Counter()}
    for line in logs.since(start):
        told = [event for event in EVENTS if line.tells_of(event)][:1]
        if told or line.is_warning:
            found.setdefault(line.trace_id if traced else "", Counter()).update([*told, ANY])
    if len(found) > 1:  # what has no trace id is of no request of ours
        found.pop("", None)
    if not any(events[ANY] for events in found.values()):
        logs.since(start, EVENTS)  # a log that names no events does not say that these are missing
    return found


def with_orphans(results: Results, mongo: Store, prefix: str) -> Results:
    """Add to each case that was not accepted what MongoDB holds of it.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    tags = {tag_of(prefix, number): result for number, result in enumerate(results.values(), 1)}
    marks = [tag for tag, result in tags.items() if result.turned_away]
    found = refused_documents(mongo, prefix, marks)
    cases = {
        result.case.id: replace(result, orphans=tuple(found[tag])) if tag in found else result
        for tag, result in tags.items()
    }
    return replace(results, cases=cases)


def _tidy(results: Results) -> None:
    """Remove what the run left anywhere: files that carry its nonces, then the folders of its making."""
    for path in removals(results):
        path.unlink(missing_ok=True)
    for folder in emptied(results):
        with suppress(OSError):  # somebody else's file is in it
            folder.rmdir()
