"""Read and check the attack corpus.

The cases are `acceptance/data/traversal.tsv`; `acceptance/data/README.md` says how to add one.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from acceptance.probes.archives import hostile, zip_bombs
from acceptance.probes.archives.members import ARROW
from acceptance.probes.attacks.payload import PayloadError, expand

COLUMNS = ("id", "field", "payload", "source", "expect_event")
_FILES = ("new_zip", "old_zip", "logs_zip")
NAME_FIELDS = tuple(f"{file}.{kind}" for file in _FILES for kind in ("filename", "filename*"))
IDS = ("student_id", "assignment_id")
TWICE_FIELDS = tuple(f"{name}.{order}" for name in (*IDS, "new_zip") for order in ("first", "last"))
"""A field that is sent twice, with the payload first or last; the other is good."""
HEAD_FIELDS = tuple(f"{file}.head" for file in _FILES)
FORM_FIELDS = ("form.before", "form.after", "form.content-type")
FIELDS = (*IDS, *NAME_FIELDS, *TWICE_FIELDS, *HEAD_FIELDS, *FORM_FIELDS, *hostile.FIELDS, "bomb")
HARMLESS = "harmless"
"""In place of an event: a sound service may refuse the upload, or take it and keep to its own places."""
EVENTS = ("path_traversal", "size_limit", "any", HARMLESS)
NOT_IN_PRODUCTION = (
    *("bomb", "zip.special", "tar.special", "zip.chain", "tar.chain"),
    *("zip.method", "zip.encrypted"),
)
"""Kinds that may harm a service wherever they aim, and those whose review may fail where a sound one takes them."""
SOURCE = re.compile(
    r"CWE-(20|22|23|35|36|41|59|73|158|176|178|180|190|235|400|409|436|732|755|770)|CVE-\d{4}-\d{4,7}|zip-slip|tar-slip"
    r"|OWASP|RFC (2046|2231|5987|7578)"
)
_PLAIN_FIELDS = (*IDS, *(f"{file}.filename" for file in _FILES), "zip.file")
_ODD = re.compile(r"[^\w./{}-]")
_ID = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)+")
_SAMPLE = {name: name for name in ("tag", "student", "assignment", "victim", "victim_assignment", "victim_file", "up")}
_SAMPLE |= {name: name for name in ("student_field", "file_field", "boundary")}
_SAMPLE |= {"root": "/root", "canary": "/canary_dir/canary", "canary_dir": "/canary_dir", "outside": "/canary_dir/new"}


@dataclass(frozen=True, slots=True)
class Case:
    """One attack.

    Attributes:
        id: Readable and unique, for example `student_id-encoded-twice-whole`.
        field: What carries the payload: one of `FIELDS`.
        payload: In the notation of `acceptance.probes.attacks.payload`; for a bomb its kind.
        source: Where the attack is described: one of `SOURCE`.
        expect_event: The log event that the refusal must leave; `any` where a sound service may refuse the
            upload for another reason before it comes to the path; `harmless` where it may take the upload.
    """

    id: str
    field: str
    payload: str
    source: str
    expect_event: str

    @property
    def is_plain(self) -> bool:
        """Whether it is a way up as anybody would write it, which a service must call by its name.

        Whatever else is no good id, name or member may be refused for another reason.
        """
        return self.field in _PLAIN_FIELDS and "../" in self.payload and not _ODD.search(self.payload)

    @property
    def may_be_taken(self) -> bool:
        """Whether a sound service may accept it."""
        return self.expect_event == HARMLESS


def load_cases(path: Path | None = None) -> tuple[Case, ...]:
    """Read the corpus.

    Args:
        path: A file of the same form; by default the one that comes with the package.

    Raises:
        ValueError: When a line does not have the five columns, with its number.
    """
    source = path or resources.files("acceptance") / "data" / "traversal.tsv"
    lines = source.read_text(encoding="utf-8").splitlines()
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE))
        if len(row) != len(COLUMNS):
            raise ValueError(f"{source}:{number}: expected {len(COLUMNS)} columns parted by tabs, found {len(row)}")
        if tuple(row) != COLUMNS:
            cases.append(Case(*row))
    return tuple(cases)


def selection(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Choose what may be sent to a production system: of each field, the first case that can do no harm."""
    first: dict[str, Case] = {}
    for case in cases:
        if case.field not in NOT_IN_PRODUCTION:
            first.setdefault(case.field, case)
    return tuple(first.values())


def cases_to_send(which: str) -> tuple[Case, ...]:
    """Read the whole corpus, the selection of it that a production system may get, or the first of each named kind."""
    cases = load_cases()
    if which == "all":
        return cases
    first = {case.field: case for case in reversed(cases)}
    return selection(cases) if which == "selection" else tuple(first[kind] for kind in which.split())


def lint_cases(cases: Iterable[Case]) -> list[str]:
    """Say what is wrong with the corpus, one line for each fault; empty when it is sound."""
    cases = tuple(cases)
    faults = [f"{case.id}: {fault}" for case in cases for fault in _faults(case)]
    ids = Counter(case.id for case in cases)
    attacks = Counter((case.field, _sample(case)) for case in cases)
    faults += [f"{name}: id is used {count} times" for name, count in ids.items() if count > 1]
    for (field, payload), count in attacks.items():
        if count > 1:
            same = [case.id for case in cases if (case.field, _sample(case)) == (field, payload)]
            faults.append(f"{', '.join(same)}: the same payload in the same field {field}")
    return faults


def _faults(case: Case) -> Iterable[str]:
    if not _ID.fullmatch(case.id):
        yield "id: expected lower-case words parted by -"
    if case.field not in FIELDS:
        yield f"field {case.field!r} is unknown; known are {', '.join(FIELDS)}"
    if not SOURCE.fullmatch(case.source):
        yield f"source {case.source!r} is unknown; expected {SOURCE.pattern}"
    if case.expect_event not in EVENTS:
        yield f"expect_event {case.expect_event!r} is unknown; known are {', '.join(EVENTS)}"
    if case.field == "bomb":
        if case.payload not in zip_bombs.KINDS:
            yield f"payload {case.payload!r} is no bomb; known are {', '.join(zip_bombs.KINDS)}"
        return
    try:
        payload = expand(case.payload, _SAMPLE)
    except PayloadError as problem:
        yield f"payload: {problem}"
        return
    if not payload:
        yield "payload is empty"
    if case.field in hostile.FIELDS and hostile.is_link(case.field) != (ARROW in payload):
        yield "payload: a link's has the form `name -> target`, and no other's"


def _sample(case: Case) -> bytes:
    try:
        return expand(case.payload, _SAMPLE)
    except PayloadError:
        return case.payload.encode()
