"""Read the attack corpus.

The cases are `acceptance/data/traversal.tsv`; `acceptance/data/README.md` says how to add one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from acceptance.probes.archives import hostile

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
NOT_IN_PRODUCTION = (
    *("bomb", "zip.special", "tar.special", "zip.chain", "tar.chain"),
    *("zip.method", "zip.encrypted"),
)
"""Kinds that may harm a service wherever they aim, and those whose review may fail where a sound one takes them."""
_PLAIN_FIELDS = (*IDS, *(f"{file}.filename" for file in _FILES), "zip.file")
_ODD = re.compile(r"[^\w./{}-]")


@dataclass(frozen=True, slots=True)
class Case:
    """One attack.

    Attributes:
        id: Readable and unique, for example `student_id-encoded-twice-whole`.
        field: What carries the payload: one of `FIELDS`.
        payload: In the notation of `acceptance.probes.attacks.payload`; for a bomb its kind.
        source: Where the attack is described.
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
