"""Judge each case of the corpus by what was answered and what was written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.evidence import Evidence
from acceptance.finding import Finding, Severity, ranked
from acceptance.probes.attacks.corpus import Case
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.snapshot import edges
from acceptance.redact import cut

BUSY = 429
"""A limit that was reached by then was not there for the attacks: those say it of themselves."""


@dataclass(frozen=True)
class CaseResult:
    """One case: the answer, and its effects.

    Attributes:
        case: The attack.
        exchange: Request and answer; `exchange.trace_id` finds its log events.
        written_outside: What it left outside the storage root, folders included.
        written_inside: What it left in the storage root and should not have: any file of what was to be refused, and
            what is never harmless of what may be taken.
        victim_intact: Whether the other student's archive is as it was.
        leaks: Internals found in the answer.
        orphans: Documents and tasks of it that are in MongoDB although it was turned away.
    """

    case: Case
    exchange: Exchange
    written_outside: tuple[Path, ...] = ()
    written_inside: tuple[Path, ...] = ()
    victim_intact: bool = True
    leaks: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()

    @property
    def no_data(self) -> str | None:
        """Why nothing is known: not sent, or answered 401, 404, 405, 408 or 429; `None` when it is."""
        status = self.exchange.status
        if not self.exchange.trace_id:
            return f"{self.case.id}: {self.exchange.error}"
        if status is None or self.exchange.refused or not 400 <= status < 500:
            return None
        return f"{self.case.id}: {status} says nothing about the payload. {self.exchange.explain()}"

    @property
    def taken(self) -> bool:
        """Whether the service took it, as a sound one may."""
        return self.case.may_be_taken and self.exchange.accepted

    @property
    def turned_away(self) -> bool:
        """Whether the service said that it has not taken it: by a refusal, or by a 5xx."""
        return self.exchange.refused or (self.exchange.status or 0) >= 500

    @property
    def findings(self) -> list[Finding]:
        """Each thing that is wrong; empty when the attack was refused without effect."""
        return [*self._effects(), *self._answer()]

    def finding(self, kind: str, severity: Severity, expected: str, found: str) -> Finding:
        """Make a finding of this case, with its request and answer."""
        name = f"{self.case.id} ({self.case.source})"
        return Finding(
            kind, name, expected, found, severity, evidence=(Evidence("http", name, self.exchange.as_json()),)
        )

    def wrote_outside(self, paths: Sequence[Path], when: str = "") -> Finding:
        """Say what it wrote outside the storage root."""
        found = f"{when}wrote outside the storage root: {_some(paths)}"
        return self.finding("written outside", Severity.CRITICAL, "no file outside", found)

    def left_inside(self, paths: Sequence[Path], when: str = "") -> Finding:
        """Say what it left in the storage root although it was not taken."""
        found = f"{when}left in the storage root: {_some(paths)}"
        return self.finding("accepted", Severity.HIGH, "nothing kept", found)

    def _effects(self) -> Iterator[Finding]:
        if self.written_outside:
            yield self.wrote_outside(self.written_outside)
        if not self.victim_intact:
            yield self.finding("overwritten", Severity.CRITICAL, "no change", "changed another student's archive")
        if self.written_inside and self.taken:
            expected = "an archive as it is: no link out of the storage, no device, no setuid"
            yield self.finding("unsafe file", Severity.CRITICAL, expected, _some(self.written_inside))
        elif self.written_inside:
            yield self.left_inside(self.written_inside)
        if self.orphans:
            yield self.finding("orphan", Severity.HIGH, "no document and no task", _some(self.orphans))

    def _answer(self) -> Iterator[Finding]:
        exchange, status = self.exchange, self.exchange.status
        if self.no_data is None and not exchange.refused and not self.taken:
            kind = "no answer"
            if status:
                kind = "accepted" if status < 500 else f"answered {status // 100 * 100}"
            severity = Severity.HIGH if kind == "accepted" else Severity.MEDIUM
            expected = "a refusal (4xx), or 2xx without harm" if self.case.may_be_taken else "a refusal (4xx)"
            yield self.finding(kind, severity, expected, str(status or exchange.error or "no answer"))
        if self.leaks:
            found = f"the answer holds internals: {_some(self.leaks)}"
            yield self.finding("leaked", Severity.MEDIUM, "no internals", found)
        if exchange.refused and exchange.detail is None:
            yield self.finding("no detail", Severity.LOW, 'the body {"detail": ...}', repr(cut(exchange.body, 100)))


@dataclass(frozen=True)
class Results(Mapping[str, CaseResult]):
    """Results by case id, and what belongs to the run as a whole.

    Attributes:
        stray: What appeared, changed or vanished outside the storage root and could not be put to a case.
            Watched folders in which others write as well make this noisy.
        nonces: The nonce of each upload of the run, good ones included, and to whom it belongs.
        created: Every path that the run is known to have brought about.
        run_prefix: What the names of the run's making have in common.
        afterwards: The good upload after the attacks, by the same student.
    """

    cases: Mapping[str, CaseResult]
    stray: tuple[Path, ...] = ()
    nonces: Mapping[bytes, str] = field(default_factory=dict, repr=False)
    created: tuple[Path, ...] = ()
    run_prefix: str = ""
    afterwards: Exchange | None = None

    def __getitem__(self, case_id: str) -> CaseResult:
        return self.cases[case_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def findings(self) -> list[Finding]:
        """All that went wrong, worst first; empty when the service held."""
        expected, found = "no change outside the storage root", "a change, by which case is unknown"
        step = "where a service writes it by itself, such as its log, name it in KNOWN_WRITERS"
        stray = [Finding("changed outside", str(path), expected, found, Severity.CRITICAL, step) for path in self.stray]
        return ranked([*(finding for result in self.values() for finding in result.findings), *stray])

    @property
    def no_data(self) -> list[str]:
        """The cases on which nothing can be said; a pass with any of these is inconclusive."""
        last = self.afterwards
        if last and not last.accepted and last.status != BUSY:  # guard: who-is-turned-away-for-all-proves-nothing
            why = (
                "a good upload of the same student after the attacks was not taken either, so no refusal says anything"
            )
            return [f"{name}: {why}. {last.explain()}" for name in self]
        return [result.no_data for result in self.values() if result.no_data is not None]


def removals(results: Results) -> list[Path]:
    """List what a caller should remove: files of the run's making that still carry one of its nonces.

    Files of others that an attack overwrote are not among them: deleting those would not give them back.
    """
    nonces = [nonce for nonce in results.nonces if nonce]
    held = ((path, edges(path)) for path in results.created)
    return [path for path, text in held if any(nonce in text for nonce in nonces)]


def emptied(results: Results) -> list[Path]:
    """List the folders of the run's making, deepest first, to be removed (`rmdir`) once their files are."""
    named = {folder for path in results.created for folder in path.parents if results.run_prefix in str(folder)}
    folders = [path for path in named.union(results.created) if os.path.isdir(path) and not path.is_symlink()]  # noqa: PTH112  # no path may be too long
    return sorted(folders, key=lambda path: len(path.parts), reverse=True)


def _some(things: Sequence[object]) -> str:
    more = f" and {len(things) - 3} more" if len(things) > 3 else ""
    text = ", ".join(map(str, things[:3])) + more
    return os.fsencode(text).decode("utf-8", "backslashreplace")  # a hostile name need not be text
