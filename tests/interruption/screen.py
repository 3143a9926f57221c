"""What a run that was killed must have on its screen at its end: the truth, and no traceback."""

import re
from pathlib import Path

from acceptance.events import Event, read_events

_PANEL = re.compile(r"(?:INTERRUPTED|INCONCLUSIVE|NO-GO|GO|REFUSED)\b[^\n]*\(exit \d+\)")


def untold(code: int, output: str, folder: Path) -> list[str]:
    """Say what is wrong with the last screen of a run; one that nobody let speak, or that never began, owes nothing."""
    if "stage.started" not in _kinds(folder) or code == -9:
        return []
    shown = list(_PANEL.finditer(output))
    last = output[shown[-1].start() :] if shown else ""
    faults = {
        f"exit code {code}": code == 0 or code < 0,
        "no panel": not last,
        "no flags in the panel": bool(last) and "flags now" not in last and "DO NOW" not in last,
        "the panel says that a flag is on": "=true" in last,
        "a traceback": "Traceback" in output,
        "exit code 12": code == 12,
    }
    return [f"on the screen: {what}\n{output[-1500:]}" for what, so in faults.items() if so]


def unrecorded(_code: int, _output: str, folder: Path) -> list[str]:
    """Say what is wrong with the record of a run that had no screen any more."""
    kinds = _kinds(folder)
    if "stage.started" not in kinds:
        return []
    pages = list(folder.glob("out/*/record.html"))
    ends = [event.data["outcome"] for event in _events(folder) if event.kind == "run.finished"]
    known = {"interrupted", "stage.finished"} & {*kinds} or "INTERRUPTED" in ends  # or all of it was over by then
    return [f"{ends} in the log, expected INTERRUPTED"] * (not known) + ["no page"] * (not pages)


def _kinds(folder: Path) -> list[str]:
    return [event.kind for event in _events(folder)]


def _events(folder: Path) -> list[Event]:
    return [event for log in folder.glob("out/*/events.jsonl") for event in read_events(log)]
