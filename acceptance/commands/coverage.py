"""Tell which check answers which checklist item, and how: by a probe, by a person, or by a document.

What exists is asked of pytest itself, in a process of its own: markers are its business, and the library stays
free of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from acceptance.checklist import GENERATED, OWN_RECORDS, Item, load_items
from acceptance.planning import collection
from acceptance.verdict import Inconclusive


class Kind(StrEnum):
    """How an item is answered."""

    AUTOMATED = "automated"
    SIGN_OFF = "sign-off"
    GENERATED = "generated"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Check:
    """One test function with all its cases; `by_hand` is True where it only asks a person."""

    name: str
    items: tuple[str, ...]
    by_hand: bool
    cases: int = 1


@dataclass(frozen=True)
class Row:
    """One item of the checklist and the checks that name it."""

    item: Item
    kind: Kind
    checks: tuple[Check, ...]


def collect(project: Path) -> tuple[Check, ...]:
    """Ask pytest which checks there are, in the order in which they would run.

    Raises:
        Inconclusive: Something cannot be collected; the message names it.
    """
    found = collection.collect(project)
    if found.faults:
        raise Inconclusive("; ".join(f"{fault['nodeid']} {fault['title']}" for fault in found.faults))
    return tuple(_folded(found.checks))


def _folded(raw: Iterable[Mapping[str, object]]) -> Iterable[Check]:
    """Fold the cases of one function into one check; it is by hand only if every case is."""
    cases: dict[str, list[Mapping[str, object]]] = {}
    for each in raw:
        cases.setdefault(str(each["nodeid"]).partition("[")[0], []).append(each)
    for name, of_it in cases.items():
        items = dict.fromkeys(str(item) for each in of_it for item in _listed(each["items"]))
        yield Check(name, tuple(items), all(bool(each["by_hand"]) for each in of_it), len(of_it))


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def matrix(checks: Iterable[Check], items: Iterable[Item] | None = None) -> tuple[Row, ...]:
    """Give one row an item, in the checklist's order; pure."""
    naming = _by_item(checks)
    rows = load_items() if items is None else items
    return tuple(Row(each, _kind(each.id, naming.get(each.id, [])), tuple(naming.get(each.id, []))) for each in rows)


def left_to_a_person(rows: Iterable[Row], by_command: Collection[str]) -> list[str]:
    """Name the items that neither a command nor our own records answer; a line is answered with its sub-line."""
    answered = {*by_command, *OWN_RECORDS}
    asked = (row for row in rows if row.kind is Kind.SIGN_OFF)
    return [row.item.id for row in asked if not any(answered & {*check.items} for check in row.checks)]


def _by_item(checks: Iterable[Check]) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in checks:
        for item_id in check.items:
            found.setdefault(item_id, []).append(check)
    return found


def _kind(item_id: str, checks: Sequence[Check]) -> Kind:
    if not checks:
        return Kind.MISSING
    if item_id in GENERATED:
        return Kind.GENERATED
    return Kind.SIGN_OFF if all(check.by_hand for check in checks) else Kind.AUTOMATED


def unknown(checks: Iterable[Check]) -> dict[str, list[str]]:
    """Give the ids that the checklist does not have -> the checks that name them."""
    known = {item.id for item in load_items()}
    named = _by_item(checks).items()
    return {item_id: [check.name for check in found] for item_id, found in named if item_id not in known}
