"""Makes one record of each outcome from a real run of stage 21_01c in a lab, to look at.

``python -m tests.records go|no-go|inconclusive|interrupted DIR``: exit code 0 when the record has that outcome.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from held_lab import control, held_lab
from power.stage_run import pytest_process

from acceptance.polling import poll
from lab.faults import switch
from lab.layout import Layout

Disturb = Callable[[subprocess.Popen[bytes], Layout], None]


def stop_prometheus(run: subprocess.Popen[bytes], lab: Layout) -> None:
    """Take the lab's Prometheus away, as an outage of the monitoring would."""
    control(lab.home / "target.env", "stop", "infra:prometheus")


def break_writes(run: subprocess.Popen[bytes], lab: Layout) -> None:
    """Let every third archive fail from now on, so that a trigger fires in the soak."""
    switch(lab.home, "write-errors", on=True)


def terminate(run: subprocess.Popen[bytes], lab: Layout) -> None:
    """End the run as a logout or a service manager does."""
    run.send_signal(signal.SIGTERM)


KINDS: dict[str, tuple[str, str, Disturb]] = {
    "go": ("GO", "no expected check is missing", lambda *_: None),
    "no-go": ("NO-GO", "TRIGGER: ", break_writes),
    "inconclusive": ("INCONCLUSIVE", "Prometheus at ", stop_prometheus),
    "interrupted": ("INTERRUPTED", "interrupted by SIGTERM", terminate),
}
"""Name -> outcome, what must stand in its reasons, and what happens once the soak has begun."""

PEOPLE = ("--operator", "M. Olsen", "--ticket", "CHG-2025-11-042")


def make(kind: str, folder: Path) -> Path:
    """Make one record below a folder, and give its own; where it has another outcome, see `output.txt` there."""
    outcome, cause, disturb = KINDS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    earlier = set(folder.glob("*/events.jsonl"))
    with held_lab() as target_file:
        run(folder, target_file, disturb)
    [log] = set(folder.glob("*/events.jsonl")) - earlier
    record = json.loads((log.parent / "record.json").read_text())
    found, why = record["outcome"], "; ".join(record["reasons"])
    assert found == outcome, f"expected {outcome}, found {found}: {why}; see {folder / 'output.txt'}"
    assert cause in why, f"expected {outcome} for «{cause}», found it for {why}; see {folder / 'output.txt'}"
    return log.parent


def run(folder: Path, target_file: Path, disturb: Disturb) -> None:
    """Run the stage, and disturb it as soon as its soak is told of."""
    said = folder / "output.txt"
    asked = pytest_process(target_file, folder, "-mstage_21_01c", *PEOPLE, PYTHONDONTWRITEBYTECODE="1")
    with said.open("wb") as output:
        process = subprocess.Popen(**asked | {"stdout": output})
    try:
        poll(lambda: b"soak 21_01c" in said.read_bytes() or process.poll() is not None, bool, 200)
        if process.poll() is None:
            disturb(process, Layout(target_file.parent))
        process.wait(300)
    finally:
        process.terminate()  # a run that has ended does not mind; one that has not puts its target back
        process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path, help="where the record goes")
    options = parser.parse_args()
    try:
        print(make(options.kind, options.folder.resolve()) / "record.html")
    except AssertionError as error:
        sys.exit(f"FAIL: {error}")


if __name__ == "__main__":
    main()
