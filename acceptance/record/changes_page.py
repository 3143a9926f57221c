"""Render the auditor's index of all changes, in the record's own style, and the same as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files

from markupsafe import Markup

from acceptance.finding import Finding
from acceptance.record import first_screen, formatting
from acceptance.record.cards import as_cards
from acceptance.record.changes import Audited
from acceptance.record.html import environment
from acceptance.record.order import Place, in_order

Change = tuple[tuple[str, str, str], list[Audited]]


def page(seen: Sequence[Audited], absent: Sequence[Finding], made: str) -> str:
    """Give the page; `made` is when, UTC."""
    return as_cards(
        environment()
        .get_template("record_changes.html.j2")
        .render(
            style=Markup(files("acceptance").joinpath("data/record.css").read_text(encoding="utf-8")),  # noqa: S704
            changes=by_change(seen),
            unbelieved=[each for each in seen if each.faults],
            aside=[each for each in seen if each.aside],
            absent=absent,
            counts=Counter(found.kind for each in seen for found in each.exceptions),
            total=sum(not each.aside for each in seen),
            made=made,
        )
    )


def by_change(seen: Sequence[Audited]) -> list[Change]:
    """Group runs by change, newest run first: deployments of production, then what has a ticket, then the rest."""
    found: dict[tuple[str, str, str], list[Audited]] = {}
    believed = [(each, each.record.facts) for each in seen if each.record]
    by_time = in_order(believed, lambda it: Place(it[1].started_at, it[0].folder, it[1].run_id, it[1].follows))
    for each, _ in reversed(by_time):
        found.setdefault(each.change, []).append(each)
    return sorted(found.items(), key=_weight)


def text(each: Audited) -> Iterator[str]:
    """Describe one run in lines for the terminal."""
    if each.aside:
        yield f"NOT COUNTED  {each.folder}: {each.aside}"
        return
    if each.record is None:
        yield f"NOT BELIEVED  {each.folder}"
        yield from (f"    {fault}" for fault in each.faults)
        return
    facts = each.record.facts
    ticket, target, mode = each.change
    who = f"{ticket or 'no ticket'}  {target}, {mode or 'not begun'}, {facts.operator or 'no operator'}"
    yield f"{formatting.clock(facts.started_at)}  {first_screen.word(each.record):13} {who}  {each.folder}"
    yield from (f"    {found.kind}: {found}" for found in each.exceptions)


def _weight(change: Change) -> tuple[bool, bool]:
    (ticket, _, mode), runs = change
    production = any(each.record and each.record.facts.target_kind == "production" for each in runs)
    return not (production and mode == "deploy"), not ticket
