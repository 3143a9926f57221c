"""Render the record as one HTML file that is right without JavaScript.

`report_part` is what `fixtures.record` puts into pytest-html's report; `page` wraps it into a page of its own,
for a run that was killed before pytest-html could write.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.util import cache_from_source
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from acceptance.checklist import CHAPTERS
from acceptance.record import chart, first_screen, formatting
from acceptance.record.cards import as_cards
from acceptance.record.delays import delay_of
from acceptance.record.formatting import parse
from acceptance.record.schema import Check, Gate, Phase, Record, Stage
from acceptance.record.signoffs import chapters_of
from acceptance.record.timeline import on
from acceptance.verdict import SILENT, Verdict

EVIDENCE_BUDGET = 1_500_000
"""Characters of evidence shown for checks that passed. The rest is in record.json: a page has a reader."""

PIECES = 12
"""Pieces of evidence that an open check shows; the others unfold."""

GOOD = (Verdict.PASS, *SILENT)


def page(record: Record, note: str = "") -> str:
    """Give the record as a page of its own."""
    return as_cards(environment().get_template("record_page.html.j2").render(**_context(record, note)))


def report_part(record: Record) -> str:
    """Give the record as the first part of pytest-html's report."""
    return as_cards(environment().get_template("record_report.html.j2").render(**_context(record, "")))


def title(record: Record) -> str:
    """Give the page's title: outcome, ticket, target."""
    word, facts = first_screen.word(record), record.facts
    return " · ".join(filter(None, [word, facts.ticket, formatting.host_of(facts), "deployment record"]))


def _context(record: Record, note: str) -> dict[str, Any]:
    by_number = {check.number: check for check in record.checks}
    watched: dict[str, list[str]] = {}
    for stage in record.stages:
        for item in {item for each in stage.triggers for item in each.items}:
            watched.setdefault(item, []).append(stage.id)
    answered = {line.chapter for line in record.lines if line.id in watched}
    chapters = chapters_of(stage.id for stage in record.stages)
    return {
        "record": record,
        "facts": record.facts,
        "delay": delay_of(record),
        "title": title(record),
        "style": Markup(files("acceptance").joinpath("data/record.css").read_text(encoding="utf-8")),  # noqa: S704
        "note": note,
        "shown": _within_budget(record.checks),
        "check_of": by_number,
        "charts": {stage.id: _charts(stage, record, by_number) for stage in record.stages},
        "chapters": [
            (
                name,
                heading,
                name in chapters or name in answered,
                [each for each in record.lines if each.chapter == name],
            )
            for name, heading in CHAPTERS.items()
        ],
        "by_phase": {
            stage.id: [(phase, _split(record.checks, stage.id, phase.name)) for phase in _bad_first(stage.phases)]
            for stage in record.stages
        },
        "watched": watched,
        "failing": [check for check in record.checks if check.verdict is Verdict.FAIL],
        "undone": record.rolled_back,
        "restored": [each for each in record.rollbacks if each.routine],
    }


class _Compiled(FileSystemBytecodeCache):
    """Keeps the compiled templates where Python keeps its own files; a page needs none, so a full disk is no matter."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def environment() -> Environment:
    """Give the templates with the filters of `formatting` and `chart`."""
    environment = Environment(
        loader=PackageLoader("acceptance", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=None if sys.dont_write_bytecode else _Compiled(str(Path(cache_from_source(__file__)).parent)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (formatting.sign, formatting.clock, formatting.duration, formatting.tally, formatting.pretty)
    more = (formatting.stop, formatting.code, formatting.shorten, formatting.short, formatting.brief, formatting.begin)
    own = (chart.number, _as_text, _told_once, _alike, _urlencode)
    environment.filters.update({each.__name__.removeprefix("_"): each for each in (*words, *more, *own)})
    environment.globals.update(formatting=formatting, screen=first_screen, PIECES=PIECES)
    return environment


def _urlencode(name: str) -> str:
    """Encode a folder's name for a link, as its bytes: it may be no UTF-8."""
    return quote(os.fsencode(name))


def _told_once(reason: str, cause: str) -> str:
    """Remove the cause of a stage's end from a reason that repeats it."""
    return reason.replace(f"cut short: {cause}", "cut short when the stage ended") if cause else reason


def _alike(checks: Iterable[Check]) -> list[list[Check]]:
    """Group checks that follow one another, by their numbers too, with the same title and verdict."""

    def about(placed: tuple[int, Check]) -> tuple[str, str, int]:
        place, check = placed
        return check.title or check.name, formatting.shown_verdict(check), check.number - place

    return [[check for _, check in group] for _, group in groupby(enumerate(checks), about)]


def _as_text(value: object) -> str:
    return formatting.shorten(value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False))


def _within_budget(checks: Iterable[Check]) -> frozenset[int]:
    """Give the numbers of the checks whose evidence the page shows: all that did not pass, others while it fits."""
    left, shown = EVIDENCE_BUDGET, set()
    for check in checks:
        size = 0 if check.verdict not in GOOD else sum(len(json.dumps(piece)) for piece in check.evidence)
        if size <= left:
            left -= size
            shown.add(check.number)
    return frozenset(shown)


def _bad_first(phases: Iterable[Phase]) -> list[Phase]:
    """Sort phases, those that failed first; all others as they ran."""
    rank = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1}
    return sorted(phases, key=lambda phase: rank.get(phase.verdict, 2))


def _split(checks: Sequence[Check], stage: str, phase: str) -> tuple[list[Check], list[Check], list[Check]]:
    """Give the checks of a phase as (those that say something bad, those that did not run, the others)."""
    of_it = [check for check in checks if check.stage == stage and check.phase == phase]
    idle = [check for check in of_it if check.verdict is Verdict.NOT_RUN]
    good = [check for check in of_it if check.verdict in GOOD]
    bad = [check for check in of_it if check.verdict not in (Verdict.NOT_RUN, *GOOD)]
    return bad, idle, good


def _charts(stage: Stage, record: Record, checks: Mapping[int, Check]) -> list[tuple[Gate, Markup]]:
    marks = list(_marks(stage, record))
    return [
        (
            gate,
            chart.draw(
                chart.points_of(checks[gate.check].evidence[gate.piece]["data"].get("series")),
                gate.threshold,
                [*marks, *_soak_began(gate)],
                f"{gate.id} over the soak: {gate.verdict}, {chart.number(gate.value)} {gate.unit}, "
                f"threshold {gate.threshold}",
                gate.unit,
            ),
        )
        for gate in stage.gates
    ]


def _soak_began(gate: Gate) -> list[chart.Mark]:
    start = (gate.window or {}).get("start")
    return [chart.Mark(float(start), "soak", "soak")] if isinstance(start, int | float) else []


def _marks(stage: Stage, record: Record) -> Iterable[chart.Mark]:
    kinds = {"flag.changed": ("flag on", "flag"), "trigger.fired": ("trigger", "trigger")}
    for moment in record.timeline:
        at = parse(moment.at)
        if moment.stage == stage.id and moment.kind in kinds and at:
            text, kind = kinds[moment.kind]
            if moment.kind == "flag.changed" and not on(moment.text.rpartition(" ")[2]):
                text = "flag off"
            yield chart.Mark(at.timestamp(), text, kind)
