"""Show a run in progress from a second terminal: read its folder, and change nothing."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from acceptance.events import EVENTS, read_events
from acceptance.record.build import build, so_far
from acceptance.record.first_screen import commands, kind, next_step, word
from acceptance.record.formatting import clock, counted, host_of
from acceptance.run_folder import at_work
from acceptance.stages.board import STATUS, board, is_over, read

EVERY_S = 1.0
STALE_S = 15.0
LATEST = 6
"""How many of the newest moments are shown."""


def newest(reports: Path) -> Path | None:
    """Find the run below a folder that is at work, else that wrote last: a record that is copied is written anew."""
    found = [reports, *reports.glob("*/")]
    logs = [log for folder in found if (log := folder / EVENTS).is_file()]
    return max(logs, key=lambda log: (at_work(log.parent) != "", log.stat().st_mtime)).parent if logs else None


def view(folder: Path, now: float) -> tuple[RenderableType, bool]:
    """Give what is shown of a run, and whether it is over."""
    events = list(read_events(folder / EVENTS))
    over = any(event.kind in ("run.finished", "run.refused") for event in events)
    record = build(events) if over else so_far(events)
    facts = record.facts
    moments = [each for each in record.timeline if over or each.kind != "run.finished"]
    said = word(record) if over else "RUNNING"
    lines: list[RenderableType] = [
        Text(f"{said}  {kind(record)} on {host_of(facts)}, {facts.ticket or 'no ticket'}, run {facts.run_id}", "bold"),
        Text(f"checks so far: {counted(record.checks)}"),
        *(Text(f"  {clock(each.at, facts.started_at)} {each.text}", "dim") for each in moments[-LATEST:]),
    ]
    if over:
        return Group(*lines, Text(f"next: {next_step(record)}"), *map(Text, commands(record))), True
    status = folder / STATUS
    last = max(each.stat().st_mtime for each in (folder / EVENTS, status) if each.is_file())
    if now - last > STALE_S:
        lines.append(Text(f"nothing new for {now - last:.0f} s: a long check, or a run that was stopped", "yellow"))
    if (told := read(folder)) and not is_over(told):  # the file of the last soak stays; what came of it is told above
        lines.append(board(told))
    return Group(*lines), False


def follow(folder: Path, console: Console, *, once: bool = False) -> None:
    """Show a run until it is over, or once."""
    if once or not console.is_terminal:
        console.print(view(folder, time.time())[0])
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            shown, over = view(folder, time.time())
            live.update(shown, refresh=True)
            if over:
                return
            time.sleep(EVERY_S)
