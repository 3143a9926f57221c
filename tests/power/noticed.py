"""Print what the suite made of each fault of the catalogue, and how soon: the tests of power note it as they pass.

make prove STEPS=power && python -m tests.power.noticed > docs/catalogue.md
"""

import argparse
import json
import os
import statistics
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from acceptance.events import Event  # noqa: E402
from lab.faults import catalogue  # noqa: E402
from power.stage_run import StageRun  # noqa: E402
from tests.ledger import ROOT, git  # noqa: E402

LEDGER = ROOT / ".tiers" / "noticed.jsonl"
PAGE = """\
# The catalogue of faults

Made by `python -m tests.power.noticed` on {date}, commit {commit}, {cores} cores, after `make prove STEPS=power`.
`python -m lab faults` says what each fault is. {faults} of its {of} are below; the others have tests of their own.

**Noticed after** counts from the switch of the flag, or from the begin of the stage where the flag was not switched,
to the failure: a trigger fires, or a check that failed begins the rollback. **Rolled back after** counts from there to
the rollback's end: the flag is off, the service restarted, the old path proved by use. Soaks are of six seconds here,
and a scrape is due each second.
"Survey" stands for a run that changes nothing, in which several faults are told at once.

{times}
| fault | stage | noticed by | noticed after | rolled back after | flag |
| --- | --- | --- | ---: | ---: | --- |
{rows}"""


@dataclass(frozen=True)
class Noticed:
    """What came of the faults of one run.

    Attributes:
        faults: Seeded together.
        stage: Whose checks were run.
        by: The first check or trigger that was not good.
        after_s: From the switch, or from the stage's begin, to the failure; None in a survey.
        undone_s: From there to the end of the rollback; None where there was none.
        flag: What became of it.
    """

    faults: tuple[str, ...]
    stage: str
    by: str
    after_s: float | None = None
    undone_s: float | None = None
    flag: str = "not switched"

    @classmethod
    def of(cls, run: StageRun, faults: tuple[str, ...], stage: str) -> "Noticed":
        """Read it from the log of a run in which something was not good."""
        # A check that ends its stage is logged after the rollback that it causes.
        failed = next(each for each in run.events if _is_red(each) or each.kind == "rollback.started")
        begun = [each for each in run.events if each.seq < failed.seq and _begins(each)]
        ended = [each for each in run.events if each.kind == "rollback.finished"]
        flag = "restored" if any(each.kind == "flag.changed" for each in begun) else "not switched"
        if ended and not ended[-1].data["ok"]:
            flag = "rollback failed"
        after_s = _between(begun[-1], failed) if begun else None
        return cls(faults, stage, run.first_red, after_s, _between(failed, ended[-1]) if ended else None, flag)


def note(noticed: Noticed) -> None:
    """Write it down, where the tests are run by `make`; what breaks a target by other means is no fault of it."""
    if noticed.faults and LEDGER.parent.is_dir():
        with LEDGER.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(noticed)) + "\n")


def page() -> str:
    """Give the page, of the last that was noted of each run's faults, in the catalogue's order."""
    known = [fault.name for fault in catalogue()]
    read = (Noticed(**said | {"faults": tuple(said["faults"])}) for said in map(json.loads, LEDGER.open()))
    latest = {(*each.faults, each.stage, each.by): each for each in read if set(each.faults) <= set(known)}
    every = sorted(latest.values(), key=lambda each: (known.index(each.faults[0]), each.stage))
    switched = [each for each in every if each.flag == "restored"]
    return PAGE.format(
        date=datetime.now(UTC).date(),
        commit=git("rev-parse", "--short", "HEAD"),
        cores=len(os.sched_getaffinity(0)),
        faults=len({name for each in every for name in each.faults}),
        of=len(known),
        times=_told("From the switch to the first that was not good", [each.after_s for each in switched])
        + _told("From there to rolled back", [each.undone_s for each in switched]),
        rows="".join(map(_row, every)),
    )


def _is_red(event: Event) -> bool:
    bad = event.kind == "check.finished" and event.data["verdict"] in ("FAIL", "INCONCLUSIVE")
    return bad or event.kind == "trigger.fired"


def _begins(event: Event) -> bool:
    return event.kind == "stage.started" or (event.kind == "flag.changed" and event.data["after"] == "true")


def _between(first: Event, last: Event) -> float:
    return (datetime.fromisoformat(last.at) - datetime.fromisoformat(first.at)).total_seconds()


def _row(each: Noticed) -> str:
    times = (f"{seconds:.1f} s" if seconds is not None else "" for seconds in (each.after_s, each.undone_s))
    cells = (", ".join(f"`{name}`" for name in each.faults), each.stage, f"`{each.by}`", *times, each.flag)
    return f"| {' | '.join(cells)} |\n"


def _told(what: str, times: list[float | None]) -> str:
    found = [seconds for seconds in times if seconds is not None]
    tenths = statistics.quantiles(found, n=10)
    half = f"half within {tenths[4]:.1f} s, nine of ten within {tenths[-1]:.1f} s, the longest {max(found):.1f} s"
    return f"- {what}: {half} ({len(found)} runs).\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.power.noticed", description=__doc__.partition("\n")[0])
    parser.parse_args()
    print(page(), end="")
