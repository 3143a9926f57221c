"""Make the cases of the corpus ready to send: values filled in, archives built, places known."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from acceptance.polling import poll
from acceptance.probes.archives.archives import new_nonce
from acceptance.probes.attacks import escape_targets
from acceptance.probes.attacks.building import BOUNDARY, uploads
from acceptance.probes.attacks.control_uploads import Controls, StorageRoots, Students
from acceptance.probes.attacks.corpus import Case
from acceptance.probes.attacks.payload import expand
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.http.multipart import Multipart
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.target.naming import HttpNames

RECOVERS_S = 10.0
"""So long a service may be busy with the attacks before it takes a good upload."""
_UP = "/".join([".."] * 16)


@dataclass(frozen=True, slots=True)
class Attack:
    """One case ready to send.

    Attributes:
        case: The case.
        payload: Its payload as bytes.
        uploads: What is sent, one after the other.
        nonce: In each file of it.
        tag: A name that only this case uses.
        places: Where the payload leads if a service falls for it.
    """

    case: Case
    payload: bytes
    uploads: tuple[Upload, ...]
    nonce: bytes
    tag: str
    places: frozenset[Path]

    def echoes(self) -> set[str]:
        """Return the texts that an answer may repeat: the payload in all its readings."""
        texts = {self.tag} | {text.decode("utf-8", "replace") for text in escape_targets.readings(self.payload)}
        return texts | {text.decode("latin-1") for text in escape_targets.readings(self.payload)}

    def form(self) -> Multipart:
        """Return all parts that were sent; an answer may echo them."""
        return Multipart([part for upload in self.uploads for part in upload.form().parts])


def tag_of(run_prefix: str, number: int) -> str:
    """Name the case of that number in that run; good uploads have names without the `-c`."""
    return f"{run_prefix}-c{number:04d}"


def prepare(
    cases: Iterable[Case],
    roots: StorageRoots,
    students: Students,
    run_prefix: str,
    canary: Path,
    controls: Controls,
    names: HttpNames,
) -> list[Attack]:
    """Make the cases ready; `names` are the deployment's for what a payload has to spell out."""
    shared = {
        "up": _UP,
        "root": str(roots.root),
        "canary": str(canary),
        "canary_dir": str(roots.canary_dir),
        "student": students.attacker,
        "victim": students.victim,
        "victim_assignment": controls.victim_assignment,
        "victim_file": str(min(controls.victim)),
        "student_field": names.field("student_id"),
        "boundary": BOUNDARY.decode(),
    }
    bases = (roots.root, roots.root / students.attacker, *roots.watch_dirs)
    attacks = []
    for number, case in enumerate(cases, 1):
        tag = tag_of(run_prefix, number)
        values = shared | {"tag": tag, "assignment": tag, "outside": str(roots.canary_dir / f"new-{tag}")}
        values["file_field"] = names.field(case.field.partition(".")[0])
        payload = case.payload.encode() if case.field == "bomb" else expand(case.payload, values)
        nonce = new_nonce(run_prefix)  # by it, what is left of an attack is known after a crash
        places = escape_targets.places(case.field, payload, (*bases, roots.root / students.attacker / tag))
        made = tuple(uploads(case, payload, values, nonce))
        attacks.append(Attack(case, payload, made, nonce, tag, frozenset(places)))
    return attacks


def send_all(
    attacks: Sequence[Attack], uploader: Uploader, concurrency: int, deadline_s: float, last: Upload
) -> list[Exchange]:
    """Send all, so many at a time, and then `last`; what is not sent before the deadline has no trace id.

    Bombs go first: a service works on one for seconds, in which the other workers send the rest.
    """
    deadline = time.monotonic() + deadline_s

    def one(attack: Attack) -> Exchange:
        if time.monotonic() > deadline:
            why = f"not sent: the {deadline_s:g} s of the whole run had passed"
            return Exchange("POST", uploader.url, None, "", {}, "", 0.0, 0, "", why)
        *before, last = attack.uploads
        for step in before:  # refused or not, it may have left what the last one needs
            answer = uploader.send(step)
            if not (answer.accepted or answer.refused):
                return answer
        return uploader.send(last)

    with ThreadPoolExecutor(concurrency, "attack") as pool:
        first = sorted(attacks, key=lambda attack: attack.case.field != "bomb")
        answers = {attack.tag: pool.submit(one, attack) for attack in first}
        done = [answers[attack.tag].result() for attack in attacks]
    return [
        *done,
        poll(lambda: uploader.send(last), lambda answer: (answer.status or 500) < 500, RECOVERS_S, every=0.5),
    ]
