"""The catalogue of seeded faults: what the suite's power is measured with (design, "Lab").

A fault is on while the file `HOME/faults/NAME` exists; services look at the moment of use. A hook sits where the
guard is that it breaks, so the code reads as the defect would.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """One way in which a deployment can be broken.

    Attributes:
        name: what `--fault` and `HOME/faults/` call it.
        stage: the checklist's stage that must notice, such as `21_01c`.
        breaks: what goes wrong, in one line.
        turns_red: the checklist items that must not stay green, such as `21_01c.security.1`.
    """

    name: str
    stage: str
    breaks: str
    turns_red: tuple[str, ...]


STORAGE_FAULTS: tuple[Fault, ...] = ()

# The services' own catalogues: module and the tuples in it. A module imports Fault from here, so it is read late.
_ELSEWHERE = {
    "lab.bot.faults": ("DIALOG_FAULTS",),
    "lab.worker.faults": ("HOMEWORK_FAULTS", "USE_CASE_FAULTS"),
    "lab.standins.faults": ("PLATFORM_FAULTS",),
}


def catalogue() -> tuple[Fault, ...]:
    """Give every known fault, in the order of the stages."""
    return (*STORAGE_FAULTS, *_of_other_services())


def _of_other_services() -> Iterator[Fault]:
    for module, names in _ELSEWHERE.items():
        try:
            loaded = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(error.name or "-"):
                raise
            continue
        for name in names:
            yield from getattr(loaded, name)


def switch(home: Path, name: str, on: bool) -> None:
    """Turn a fault on or off in the running lab at `home`.

    Raises:
        ValueError: there is no such fault, or no lab at `home`.
    """
    known = {fault.name for fault in catalogue()}
    if name not in known:
        raise ValueError(f"unknown fault {name!r}; `python -m lab faults` lists the {len(known)} known ones")
    folder = home / "faults"
    if not folder.is_dir():
        raise ValueError(f"expected a lab's folder with faults/ in it, found {home}; start one with `lab serve`")
    if on:
        (folder / name).touch()
    else:
        (folder / name).unlink(missing_ok=True)
