"""Run the corpus of attacks against a deployment and say what each of them did (checklist 21_01c.security.2).

The order gives the proof: good uploads of the same shape are accepted first (else a refusal says nothing),
then the folders are looked at, all cases sent and one good upload more, and the folders looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from acceptance.polling import poll
from acceptance.probes.archives.archives import new_nonce
from acceptance.probes.attacks import escape_targets
from acceptance.probes.attacks.control_uploads import StorageRoots, Students, again, upload_controls
from acceptance.probes.attacks.corpus import Case
from acceptance.probes.attacks.requests import Attack, prepare, send_all
from acceptance.probes.attacks.results import CaseResult, Results
from acceptance.probes.attacks.surroundings import Surroundings
from acceptance.probes.http.exchange import Exchange, leaks
from acceptance.probes.storage.canary import plant
from acceptance.probes.storage.leftovers import is_left, is_unsafe
from acceptance.probes.storage.snapshot import Attribution
from acceptance.probes.storage.uploads import Uploader
from acceptance.verdict import Inconclusive

_GRACE_S = 2.0
"""Seconds in which a service may tidy up behind a refusal that it has already answered."""


def run(
    cases: Sequence[Case],
    uploader: Uploader,
    *,
    roots: StorageRoots,
    students: Students,
    run_prefix: str,
    announce: Callable[[Sequence[Path]], object] = lambda _: None,
    concurrency: int = 8,
    deadline_s: float = 120.0,
) -> tuple[Results, Surroundings]:
    """Run the cases and judge their effects; gives the results, and what looks for later effects.

    Args:
        cases: The attacks.
        uploader: Sends them; its time-out bounds each.
        roots: Where to look.
        students: Identifiers that the service accepts.
        run_prefix: Unique for this run; letters, digits and dashes, since it becomes part of good identifiers.
        announce: Told, before anything is sent, where an attack could leave what nobody would find after a crash.
        concurrency: Uploads at the same time.
        deadline_s: Seconds after which no further case is sent.

    Raises:
        Inconclusive: When the good uploads are not accepted or not found on disk, or a folder or file cannot
            be read.
    """
    announce([roots.canary_dir])
    nonce, name = new_nonce(), f"canary-{run_prefix}.txt"
    plant(roots.canary_dir / name, nonce)
    roots = roots.resolved()
    canary = roots.canary_dir / name
    try:
        controls = upload_controls(uploader, roots, students, run_prefix)
        attacks = prepare(cases, roots, students, run_prefix, canary, controls, uploader.names)
        places = {place for attack in attacks for place in attack.places}
        announce(escape_targets.free(places, (roots.root, *roots.watch_dirs)))  # guard: escape-places-are-journalled
        last = again(students.attacker, run_prefix)
        surroundings = Surroundings.of(attacks, roots, run_prefix)
        *exchanges, afterwards = send_all(attacks, uploader, concurrency, deadline_s, last)
        changes, others = surroundings.changes(), {last.archive.nonce: students.attacker}
        found = surroundings.attributed(changes, others).with_parents()
        refused = [attack.case.id for attack, exchange in zip(attacks, exchanges, strict=True) if exchange.refused]
        _await_tidying(path for case in refused for path in found.of.get(case, ()) if roots.holds(path))
        broken = controls.broken()
    except Inconclusive:
        canary.unlink(missing_ok=True)
        raise
    results = {
        attack.case.id: _result(attack, exchange, found, roots, broken)
        for attack, exchange in zip(attacks, exchanges, strict=True)
    }
    unknown = [path for path in (*found.unattributed, *changes.vanished) if not roots.is_own(path)]
    stray = (*(path for path in unknown if not roots.holds(path)), *(broken & set(unknown)))
    ours = tuple(path for paths in found.of.values() for path in paths if path not in changes.changed)
    nonces = {**controls.nonces, **{attack.nonce: attack.case.id for attack in attacks}, **others, nonce: "canary"}
    done = Results(results, stray, nonces, (canary, *controls.files, *ours), run_prefix, afterwards)
    return done, surroundings


def _await_tidying(paths: Iterable[Path]) -> None:
    waiting = [path for path in paths if not path.is_dir()]
    poll(lambda: any(map(os.path.lexists, waiting)), lambda there: not there, _GRACE_S, every=0.05)


def _result(
    attack: Attack, exchange: Exchange, found: Attribution, roots: StorageRoots, broken: frozenset[Path]
) -> CaseResult:
    paths = found.of.get(attack.case.id, [])
    blamed = broken & set(paths)
    if broken and not blamed and "{victim" in attack.case.payload:  # nobody's nonce is in it, and this case aimed there
        blamed = broken - {path for others in found.of.values() for path in others}
    is_wrong = partial(is_unsafe, root=roots.root) if attack.case.may_be_taken and exchange.accepted else is_left
    return CaseResult(
        case=attack.case,
        exchange=exchange,
        written_outside=tuple(path for path in paths if not roots.holds(path)),
        written_inside=tuple(path for path in paths if roots.holds(path) and is_wrong(path)),
        victim_intact=not blamed,
        leaks=tuple(
            leaks(
                exchange.body,
                sent=attack.echoes(),
                form=attack.form(),
                private=[str(roots.root)],
                addressed=exchange.addressed,
            )
        ),
    )
