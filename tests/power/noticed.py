"""What the suite made of each fault of the catalogue, and how soon: noted by the tests of power, and told as a table.

    python -m tests.power.noticed [--write]

After `make prove STEPS=power`: the table, and the times as a distribution; `--write` puts both into docs/catalogue.md.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from ledger import ROOT, git  # noqa: E402

from acceptance.events import Event  # noqa: E402
from lab.faults import catalogue  # noqa: E402
from power.stage_run import StageRun  # noqa: E402

LEDGER = ROOT / ".tiers" / "noticed.jsonl"
PAGE = ROOT / "docs" / "catalogue.md"
INTRODUCTION = """\
# The catalogue of faults

Made by `python -m tests.power.noticed --write` on {date}, commit {commit}, {cores} cores, after
`make prove STEPS=power`. `python -m lab faults` says what each fault is. {faults} of its {of} faults are below;
the others have tests of their own.

**Noticed after** counts from the switch of the flag, or from the begin of the stage where the flag was not switched.
**Rolled back after** counts from the first check or trigger that was not good to the end of the rollback: the flag is
off, the service restarted, the old path proved by use. Soaks are of six seconds here, and a scrape is due each second.
"Survey" stands for a run that changes nothing, in which several faults are told at once.

{times}

| fault | stage | noticed by | noticed after | rolled back after | flag |
| --- | --- | --- | ---: | ---: | --- |
"""


@dataclass(frozen=True)
class Noticed:
    """What came of the faults of one run.

    Attributes:
        faults: Seeded together.
        stage: Whose checks were run.
        by: The first check or trigger that was not good.
        after_s: From the switch, or from the stage's begin; None in a survey.
        undone_s: From there to the end of the rollback; None where there was none.
        flag: What became of it.
    """

    faults: tuple[str, ...]
    stage: str
    by: str
    after_s: float | None
    undone_s: float | None
    flag: str

    @classmethod
    def of(cls, run: StageRun, faults: tuple[str, ...], stage: str) -> "Noticed":
        """Read it from the log of a run."""
        red = next((each for each in run.events if _is_red(each)), None)
        begun = [each for each in run.events if each.kind == "stage.started" or _switches_on(each)]
        ended = [each for each in run.events if each.kind == "rollback.finished"]
        before = [each for each in begun if red is None or each.seq < red.seq]
        return cls(
            faults=faults,
            stage=stage,
            by=run.first_red,
            after_s=_between(before[-1], red) if before and red else None,
            undone_s=_between(red, ended[-1]) if red and ended else None,
            flag=_flag(run.events, ended),
        )


def note(noticed: Noticed) -> None:
    """Write it down, where the tests are run by `make`; what breaks a target by other means is no fault of it."""
    if noticed.faults and LEDGER.parent.is_dir():
        with LEDGER.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(noticed)) + "\n")


def _flag(events: Iterable[Event], rollbacks: list[Event]) -> str:
    if rollbacks and not rollbacks[-1].data["ok"]:
        return "rollback failed"
    return "restored" if any(map(_switches_on, events)) else "not switched"


def _is_red(event: Event) -> bool:
    return event.kind == "trigger.fired" or (
        event.kind == "check.finished" and event.data["verdict"] in ("FAIL", "INCONCLUSIVE")
    )


def _switches_on(event: Event) -> bool:
    return event.kind == "flag.changed" and event.data["after"] == "true"


def _between(first: Event, last: Event) -> float:
    return (datetime.fromisoformat(last.at) - datetime.fromisoformat(first.at)).total_seconds()


def _read() -> list[Noticed]:
    """Give the last that was noted of each run's faults, in the catalogue's order."""
    known = [fault.name for fault in catalogue()]
    lines = LEDGER.read_text(encoding="utf-8").splitlines() if LEDGER.is_file() else []
    read = (Noticed(**said | {"faults": tuple(said["faults"])}) for said in map(json.loads, lines))
    latest = {(*each.faults, each.stage, each.by): each for each in read}
    there = [each for each in latest.values() if set(each.faults) <= set(known)]
    return sorted(there, key=lambda each: (known.index(each.faults[0]), each.stage))


def _page(every: list[Noticed]) -> str:
    told = {name for each in every for name in each.faults}
    switched = [each.undone_s for each in every if each.undone_s is not None and each.flag == "restored"]
    by_trigger = [each.undone_s for each in every if each.undone_s is not None and each.by.startswith("trigger ")]
    first = [each.after_s for each in every if each.after_s is not None and each.flag == "restored"]
    times = [
        _told("From the switch to the first that was not good", first),
        _told("From there to rolled back", switched),
        _told("Of these, from a trigger to rolled back", by_trigger),
    ]
    top = INTRODUCTION.format(
        date=datetime.now(UTC).date(),
        commit=git("rev-parse", "--short", "HEAD"),
        cores=len(os.sched_getaffinity(0)),
        faults=len(told),
        of=len(catalogue()),
        times="\n".join(times),
    )
    return top + "".join(_rows(every))


def _rows(every: Iterable[Noticed]) -> Iterator[str]:
    for each in every:
        after = "survey" if each.after_s is None else f"{each.after_s:.1f} s"
        undone = "" if each.undone_s is None else f"{each.undone_s:.1f} s"
        faults = ", ".join(f"`{name}`" for name in each.faults)
        yield f"| {faults} | {each.stage} | `{each.by}` | {after} | {undone} | {each.flag} |\n"


def _told(what: str, seconds: list[float]) -> str:
    if len(seconds) < 2:
        return f"- {what}: {len(seconds)} runs, which say nothing."
    tenths = statistics.quantiles(seconds, n=10)
    return (
        f"- {what}: half within {statistics.median(seconds):.1f} s, nine of ten within {tenths[-1]:.1f} s, "
        f"the longest {max(seconds):.1f} s ({len(seconds)} runs)."
    )


def main() -> int:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.power.noticed", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    if not (every := _read()):
        print(f"nothing is noted in {LEDGER.relative_to(ROOT)}: run `make prove STEPS=power` first")
        return 1
    page = _page(every)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
