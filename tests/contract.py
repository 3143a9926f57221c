"""Make the page that says what compares each line of the target contract, and hold it to the checks that there are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from acceptance.planning.collection import collect
from acceptance.probes.user_path import REQUESTS
from acceptance.stage import load_stages

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "contract.toml"

HEAD = """\
# The target contract, line by line

Made from `tests/contract.toml` by `python -m tests.reference`. What a deployment must hold, and what compares it:
`21_01c/flag_on::test_x` is `test_x` of `ops_tests/stage_21_01c/test_flag_on.py`; `gate` and `trigger` stand in
the stage's `stage.toml`; `rollback` is what a user of ours asks for after each rollback.

{every} lines: {whole} are compared, {half} with the flag in one state only, {bare} not at all. Where something is not
compared, the reason stands there."""

Compared = list[str] | str
"""The checks that compare a line, or why none does."""


@dataclass(frozen=True)
class Line:
    """One thing that a deployment must hold.

    Attributes:
        part: What it belongs to.
        says: The line.
        by: What compares it, by the state of the flag; under the empty string where that does not matter.
    """

    part: str
    says: str
    by: dict[str, Compared]

    @property
    def names(self) -> list[str]:
        """The checks, gates, triggers and requests that compare it."""
        return [name for compared in self.by.values() if isinstance(compared, list) for name in compared]

    @property
    def faults(self) -> list[str]:
        """What is wrong with the line itself: it names nothing, and does not say why."""
        found = [] if set(self.by) in ({""}, {"off", "on"}) else ["expected off and on, or neither"]
        found += ["expected a check, or the reason why there is none" for it in self.by.values() if not _is_told(it)]
        return [f"{self.part}: {self.says}: {fault}" for fault in found]


def lines() -> list[Line]:
    """Read the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    lines = [(part, says, by) for part, its in table.items() for says, by in its.items()]
    return [Line(part, says, by if isinstance(by, dict) else {"": by}) for part, says, by in lines]


def known() -> set[str]:
    """Give every name that a line may have: checks as pytest collects them, gates, triggers, requests of a rollback."""
    checks = {check["nodeid"].partition("[")[0] for check in collect(ROOT).checks}
    of_stages = {
        f"{stage.id}/{kind}::{each.id}"
        for stage in load_stages(ROOT / "ops_tests").values()
        for kind, measures in (("gate", stage.gates), ("trigger", stage.triggers))
        for each in measures
    }
    return {_short(nodeid) for nodeid in checks} | of_stages | {f"rollback::{name}" for name in REQUESTS}


def page() -> str:
    """Write the page."""
    every = lines()
    bare = sum(not line.names for line in every)
    half = sum(any(isinstance(each, str) for each in line.by.values()) for line in every) - bare
    counts = {"every": len(every), "bare": bare, "half": half, "whole": len(every) - bare - half}
    parts = dict.fromkeys(line.part for line in every)
    return "\n".join([HEAD.format(**counts), *(text for part in parts for text in _section(part, every)), ""])


def _section(part: str, every: list[Line]) -> Iterator[str]:
    yield from ("", f"## {part}", "", "| line | compared by |", "| --- | --- |")
    for line in every:
        if line.part == part:
            cell = "<br>".join(f"{_STATES[state]}{_told(compared)}" for state, compared in line.by.items())
            yield f"| {line.says} | {cell} |"


def _is_told(compared: Compared) -> bool:
    """Tell whether something is named, or the reason is a sentence."""
    return len(compared.split()) > 2 if isinstance(compared, str) else bool(compared)


_STATES = {"": "", "off": "flag off: ", "on": "flag on: "}


def _told(compared: Compared) -> str:
    if isinstance(compared, str):
        return f"**not compared**: {compared}"
    return ", ".join(f"`{name}`" for name in compared)


def _short(nodeid: str) -> str:
    file, _, name = nodeid.partition("::")
    _, folder, module = file.split("/")
    return f"{folder.removeprefix('stage_')}/{module.removeprefix('test_').removesuffix('.py')}::{name}"
