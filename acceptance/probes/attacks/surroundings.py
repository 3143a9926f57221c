"""Look at where attacks may write: before them, after them, and once more when a service had the time to write late."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.finding import Finding
from acceptance.probes.attacks import escape_targets
from acceptance.probes.attacks.control_uploads import StorageRoots
from acceptance.probes.attacks.requests import Attack, tag_of
from acceptance.probes.attacks.results import CaseResult, Results
from acceptance.probes.storage.leftovers import is_left
from acceptance.probes.storage.snapshot import Attribution, Changes, Stat, Tree, attribute, diff


@dataclass(frozen=True)
class Surroundings:
    """All places in which attacks may leave something, as they were before the first of them.

    Attributes:
        attacks: What is sent.
        roots: The folders that are watched.
        mark: In each name that only an attack of this run uses.
        before: The watched folders.
        sites: What was at the attacks' places, also those that lie in no watched folder.
    """

    attacks: Sequence[Attack]
    roots: StorageRoots
    mark: str
    before: Tree = field(repr=False)
    sites: Mapping[Path, Stat] = field(repr=False)

    @classmethod
    def of(cls, attacks: Sequence[Attack], roots: StorageRoots, run_prefix: str) -> Surroundings:
        """Look at them now.

        Raises:
            Inconclusive: A folder cannot be read.
        """
        mark, places = tag_of(run_prefix, 0)[:-4], _places(attacks)
        sites = escape_targets.look(places | escape_targets.marked(places, mark))
        return cls(attacks, roots, mark, Tree.of(_folders(roots)), sites)

    def changes(self) -> Changes:
        """Give what is different once nothing more changes.

        Raises:
            Inconclusive: A folder cannot be read.
        """
        changes, places = diff(self.before, Tree.settled(_folders(self.roots))), _places(self.attacks)
        marked = escape_targets.marked(places, self.mark)
        now = escape_targets.look(places | marked | escape_targets.below(marked))
        real = {path: _real(path) for path in now}
        new = [path for path in now if str(real[path]) not in self.before.entries and not self.roots.holds(real[path])]
        appeared = {real[path] for path in new if path not in self.sites}
        changed = {real[path] for path in new if path in self.sites and now[path] != self.sites[path]}
        return Changes(
            tuple(sorted({*changes.appeared, *appeared})), tuple(sorted({*changes.changed, *changed})), changes.vanished
        )

    def attributed(self, changes: Changes, others: Mapping[bytes, str]) -> Attribution:
        """Tell of which case each change is, or of which of the `others`, by nonce.

        Raises:
            Inconclusive: A file cannot be read.
        """
        owners = {attack.nonce: attack.case.id for attack in self.attacks} | {**others}
        return attribute(changes, owners, {attack.tag.encode(): attack.case.id for attack in self.attacks})

    def written_late(self, results: Results) -> list[Finding]:
        """Find what has come of the attacks since they were judged: by then all of theirs was removed.

        Raises:
            Inconclusive: A folder or a file cannot be read.
        """
        found = self.attributed(self.changes(), {}).of
        return [each for case, paths in found.items() for each in self._late(results[case], paths)]

    def _late(self, result: CaseResult, paths: Sequence[Path]) -> Iterator[Finding]:
        new = set(paths) - {*result.written_outside, *result.written_inside}
        if outside := sorted(path for path in new if not self.roots.holds(path)):
            yield result.wrote_outside(outside, "after the attacks were judged, ")
        if inside := sorted(path for path in new if self.roots.holds(path) and result.turned_away and is_left(path)):
            yield result.left_inside(inside, "after the attacks were judged, ")


def _places(attacks: Sequence[Attack]) -> set[Path]:
    return {place for attack in attacks for place in attack.places}


def _folders(roots: StorageRoots) -> tuple[Path, ...]:
    return (roots.root, *filter(os.path.isdir, (roots.canary_dir,)), *roots.watch_dirs)


def _real(path: Path) -> Path:
    """Name a path without links in its folders, so that two ways to one file compare equal."""
    return Path(os.path.realpath(path.parent)) / path.name
