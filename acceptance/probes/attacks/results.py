"""What a run of the corpus found: judged case by case, from what was answered and what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.probes.attacks.corpus import Case
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.snapshot import edges


@dataclass(frozen=True)
class CaseResult:
    """One case: the answer, and its effects.

    Attributes:
        case: The attack.
        exchange: Request and answer; `exchange.trace_id` finds its log events.
        written_outside: What it left outside the storage root, folders included.
        written_inside: Files that it left in the storage root although it should have been refused.
        victim_intact: Whether the other student's archive is as it was.
        leaks: Internals found in the answer.
    """

    case: Case
    exchange: Exchange
    written_outside: tuple[Path, ...] = ()
    written_inside: tuple[Path, ...] = ()
    victim_intact: bool = True
    leaks: tuple[str, ...] = ()

    @property
    def unseen(self) -> str | None:
        """Why nothing is known: not sent, or answered 401, 404, 405, 408 or 429; `None` when it is."""
        status = self.exchange.status
        if not self.exchange.trace_id:
            return f"{self.case.id}: {self.exchange.error}"
        if status is None or self.exchange.refused or not 400 <= status < 500:
            return None
        return f"{self.case.id}: {status} says nothing about the payload. {self.exchange.explain()}"

    @property
    def findings(self) -> list[str]:
        """Each thing that is wrong; empty when the attack was refused without effect."""
        exchange, found = self.exchange, []
        if self.unseen is None and not exchange.refused:
            found.append(f"expected a refusal (4xx), found {exchange.status or 'no answer'}")
        if exchange.refused and exchange.detail is None:
            found.append('expected the body {"detail": ...}, found another')
        if self.written_outside:
            found.append(f"wrote outside the storage root: {_some(self.written_outside)}")
        if self.written_inside:
            found.append(f"left in the storage root: {_some(self.written_inside)}")
        if not self.victim_intact:
            found.append("changed another student's archive")
        if self.leaks:
            found.append(f"the answer holds internals: {_some(self.leaks)}")
        return found

    def explain(self) -> str:
        """Say in one or two lines what is wrong with this case."""
        return f"{self.case.id} ({self.case.source}): {'; '.join(self.findings)}. {self.exchange.explain()}"


@dataclass(frozen=True)
class Results(Mapping[str, CaseResult]):
    """Results by case id, and what belongs to the run as a whole.

    Attributes:
        stray: What appeared, changed or vanished outside the storage root and could not be put to a case.
            Watched folders in which others write as well make this noisy.
        nonces: The nonce of each upload of the run, good ones included, and to whom it belongs.
        created: Every path that the run is known to have brought about.
        run_prefix: What the names of the run's making have in common.
    """

    cases: Mapping[str, CaseResult]
    stray: tuple[Path, ...] = ()
    nonces: Mapping[bytes, str] = field(default_factory=dict, repr=False)
    created: tuple[Path, ...] = ()
    run_prefix: str = ""

    def __getitem__(self, case_id: str) -> CaseResult:
        return self.cases[case_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def findings(self) -> list[str]:
        """One entry for each case that went wrong, then the stray changes; empty when the service held."""
        stray = [f"changed outside the storage root, by which case is unknown: {path}" for path in self.stray]
        return [result.explain() for result in self.values() if result.findings] + stray

    @property
    def unseen(self) -> list[str]:
        """The cases on which nothing can be said; a pass with any of these is inconclusive."""
        return [result.unseen for result in self.values() if result.unseen is not None]


def removals(results: Results) -> list[Path]:
    """List what a caller should remove: files of the run's making that still carry one of its nonces.

    Files of others that an attack overwrote are not among them: deleting those would not give them back.
    """
    return [path for path in results.created if any(nonce in edges(path) for nonce in results.nonces if nonce)]


def emptied(results: Results) -> list[Path]:
    """List the folders of the run's making, deepest first, to be removed (`rmdir`) once their files are."""
    named = {folder for path in results.created for folder in path.parents if results.run_prefix in str(folder)}
    folders = [path for path in named.union(results.created) if path.is_dir() and not path.is_symlink()]
    return sorted(folders, key=lambda path: len(path.parts), reverse=True)


def _some(things: Sequence[object], most: int = 3) -> str:
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more
