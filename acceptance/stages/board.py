"""Show a soak: every gate and trigger on a terminal of 80x24, or in a log one line for each tenth.

Both are made from one status, which a second terminal and the controller of xdist read from the run's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from acceptance.disk import replace_text
from acceptance.stages.progress import SoakProgress
from acceptance.verdict import Verdict

STATUS = "status.json"
"""The file in a run's folder that says how its soak stands; it is there only while the run lasts."""

_GATE = {Verdict.PASS: "ok so far", Verdict.FAIL: "FAILS NOW"}
_TRIGGER = {Verdict.PASS: "not fired", Verdict.FAIL: "FIRED"}
_STYLE = {"idle": "dim", "ok so far": "green", "not fired": "green", "FAILS NOW": "bold red", "FIRED": "bold red"}


def status(progress: SoakProgress, now: float, planned_end: float = float("inf")) -> dict[str, Any]:
    """Give how a soak stands, in a form that JSON holds and `board` shows; its stage is to end by `planned_end`."""
    ends_at = now + max(0.0, progress.total - progress.elapsed)
    watch = progress.watch
    seen = watch and {
        "told": watch.told(),
        "blind": watch.blind,
        "age_s": watch.age_s,
        "evaluations": watch.evaluations,
    }
    return {
        "stage": progress.stage,
        "at": now,
        "elapsed": progress.elapsed,
        "total": progress.total,
        "ends_at": ends_at,
        "over_s": max(0.0, ends_at - planned_end),
        "fired": progress.fired,
        "watch": seen,
        "rows": sorted(_rows(progress), key=lambda row: (row["state"] not in ("FIRED", "FAILS NOW"), row["kind"])),
    }


def _rows(progress: SoakProgress) -> Iterator[dict[str, str]]:
    for result in progress.gates:
        gate, state = result.gate, _GATE.get(result.verdict, "not known yet")
        yield _row("gate", gate.id, result.value, gate.unit, f"{gate.threshold} {gate.unit}".rstrip(), state)
    for each in progress.watch.triggers if progress.watch else ():
        state = _TRIGGER.get(each.verdict, "idle" if each.other else "no data")
        yield _row("trigger", each.id, each.value, each.unit, f"fires {each.threshold}", state)


def _row(kind: str, name: str, value: float | None, unit: str, threshold: str, state: str) -> dict[str, str]:
    told = "no value" if value is None else f"{value:.3g} {unit}".rstrip()
    return {"kind": kind, "id": name, "value": told, "threshold": threshold, "state": state}


def write(folder: Path, told: Mapping[str, Any]) -> None:
    """Write the status where a second terminal reads it."""
    replace_text(folder / STATUS, json.dumps(told))


def read(folder: Path) -> dict[str, Any] | None:
    """Read the status of a run; None where no soak is under way."""
    try:
        found: dict[str, Any] = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a power loss leaves it empty
        return None
    return found


def is_over(told: Mapping[str, Any]) -> bool:
    """Tell whether this is the last status of its soak."""
    return bool(told["fired"]) or told["elapsed"] >= told["total"]


def line(told: Mapping[str, Any]) -> str:
    """Give everything in one line, for a log file; `!` marks a gate that would not pass now."""
    gates = [row for row in told["rows"] if row["kind"] == "gate"]
    texts = [
        f"{'! ' if row['state'] == 'FAILS NOW' else ''}{row['id']} {row['value']} ({row['threshold']})" for row in gates
    ]
    head = f"soak {told['stage']} {_clock(told['elapsed'])}/{_clock(told['total'])}"
    return "  ".join([head, *(texts or ["no gate evaluated yet"]), _tail(told)])


def _tail(told: Mapping[str, Any]) -> str:
    watch = told["watch"]
    if told["fired"]:
        return f"TRIGGER: {told['fired']}"
    late = f", {over}" if (over := _over(told)) else ""
    return f"{watch['told']}, data {watch['age_s']:.0f} s old{late}" if watch else f"no watch{late}"


def _over(told: Mapping[str, Any]) -> str:
    """Say that the soak will end past its stage's planned end; nothing for less than a minute."""
    minutes = int(told.get("over_s", 0) // 60)
    return f"{minutes} min past the stage's plan" if minutes else ""


@dataclass
class Tenths:
    """Lets through the first status of each tenth of a soak, and its end: a log file needs no more."""

    last: tuple[str, int] = ("", -1)

    def due(self, told: Mapping[str, Any]) -> bool:
        """Tell whether this begins another tenth, or ends the soak."""
        now = (str(told["stage"]), _tenth(told))
        due, self.last = now != self.last, now
        return due


def _tenth(told: Mapping[str, Any]) -> int:
    if told["fired"]:
        return 11
    return int(10 * told["elapsed"] / told["total"]) if told["total"] else 10


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def board(told: Mapping[str, Any]) -> RenderableType:
    """Show a status: time and bar, the age of the data, then each gate and trigger on a line, what is bad first."""
    watch = told["watch"]
    age = "no watch" if not watch else f"data {watch['age_s']:.0f} s old, {watch['evaluations']} evaluations"
    lines: list[RenderableType] = [_head(told)]
    if over := _over(told):
        lines.append(Text(over, style="bold yellow"))
    if watch and watch["blind"]:
        lines.append(Text(f"{watch['told']}: the stage is rolled back at the limit", style="bold red"))
    else:
        lines.append(Text(age, style="dim"))
    if told["fired"]:
        lines.append(Text(f"TRIGGER: {told['fired']}", style="bold red"))
    return Group(*lines, _table(told["rows"]))


def _head(told: Mapping[str, Any]) -> Table:
    share = told["elapsed"] / told["total"] if told["total"] else 1.0
    ends = datetime.fromtimestamp(told["ends_at"], UTC)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(f"soak {told['stage']}", style="bold"),
        f"{_clock(told['elapsed'])} of {_clock(told['total'])}",
        ProgressBar(total=1.0, completed=share, width=20),
        f"{share:.0%}",
        f"ends {ends:%H:%M:%S} UTC",
    )
    return head


def _table(rows: Iterable[Mapping[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2), expand=False)
    for _ in ("kind", "id"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for _ in ("threshold", "state"):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(
            row["kind"],
            row["id"],
            row["value"],
            row["threshold"],
            Text(row["state"], _STYLE.get(row["state"], "yellow")),
        )
    return table
