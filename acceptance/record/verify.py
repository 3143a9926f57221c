"""Verify a run's folder: no byte changed, the event log's chain whole, every other JSON file what the log gives.

The manifest finds accidents and careless edits. Someone who rewrites log, record and manifest together is found
only by a signature over the manifest, or by the hash of the last event that went elsewhere (the ticket).
"""

from __future__ import annotations

from pathlib import Path

from acceptance.events import TamperedLog
from acceptance.record.publish import MANIFEST, derived, load, manifest


class NoRecord(Exception):
    """The folder is not one that a run left sealed."""


def verify(folder: Path) -> list[str]:
    """Give what does not fit, one sentence each; empty when all is as it was written.

    Raises:
        NoRecord: There is no folder, no manifest or no event log to verify.
    """
    sealed = folder / MANIFEST
    if not sealed.is_file():
        raise NoRecord(
            f"{folder}: expected a run's folder with {MANIFEST}, found none; make it with scripts/ops/record.py render"
        )
    given = sealed.read_bytes().decode("utf-8", errors="replace")
    return [*_differences(given, manifest(folder)), *_record(folder)]


def _differences(given: str, real: str) -> list[str]:
    if given == real:
        return []
    listed, found = _digests(given), _digests(real)
    faults = [f"{name}: listed in {MANIFEST} and missing" for name in listed if name not in found]
    faults += [f"{name}: not in {MANIFEST}: put in after the run" for name in found if name not in listed]
    faults += [
        f"{name}: changed after the run: expected {listed[name][:12]}, found {found[name][:12]}"
        for name in listed
        if name in found and listed[name] != found[name]
    ]
    return faults or [f"{MANIFEST}: itself changed after it was written"]


def _digests(text: str) -> dict[str, str]:
    return {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}


def _record(folder: Path) -> list[str]:
    try:
        expected = derived(load(folder), folder)
    except TamperedLog as error:
        return [str(error)]
    except FileNotFoundError as error:
        raise NoRecord(str(error)) from error
    faults = []
    for name, text in expected.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name}: missing")
        elif path.read_bytes() != text.encode():
            faults.append(f"{name}: not what the event log gives")
    return faults
