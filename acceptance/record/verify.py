"""Verify a run's folder: no byte changed, the event log's chain whole, every other JSON file what the log gives.

What was attached to the ticket must be the page that is here.

The manifest finds accidents and careless edits. Someone who rewrites log, record and manifest together is found
only by a signature over the manifest, or by the hash of the last event that went elsewhere (the ticket).
"""

from __future__ import annotations

from pathlib import Path

from acceptance.events import EVENTS, TamperedLog
from acceptance.finding import Finding
from acceptance.record import attachments
from acceptance.record.publish import DELAY, JSON, MANIFEST, RENDERED, as_of, derived, load, manifest
from acceptance.run_folder import at_work


class NoRecord(Exception):
    """The folder is not one that a run left sealed."""


def verify(folder: Path) -> list[Finding]:
    """Name what does not fit; empty when all is as it was written.

    Raises:
        NoRecord: There is no folder, no manifest or no event log to verify.
    """
    sealed = folder / MANIFEST
    if not sealed.is_file():
        if since := at_work(folder):
            raise NoRecord(
                f"{folder}: expected a run that is over, found it in progress since {since}; wait for its end"
            )
        raise NoRecord(
            f"{folder}: expected a run's folder with {MANIFEST}, found none; make it with scripts/ops/record.py render"
        )
    given = sealed.read_bytes().decode("utf-8", errors="surrogateescape")
    return [*_differences(given, manifest(folder)), *_record(folder), *attachments.findings(folder)]


def not_from_the_log(folder: Path) -> list[Finding]:
    """Name what changed in a sealed folder and rendering it again would not correct, but seal."""
    if not (folder / MANIFEST).is_file():
        return []
    given = (folder / MANIFEST).read_bytes().decode("utf-8", errors="surrogateescape")
    return [each for each in _differences(given, manifest(folder)) if each.subject not in RENDERED]


def _differences(given: str, real: str) -> list[Finding]:
    if given == real:
        return []
    listed, there = _digests(given), _digests(real)
    found = [Finding("missing", name, f"the file, as {MANIFEST} lists it", "none") for name in listed.keys() - there]
    found += [Finding("added", name, f"only files that {MANIFEST} lists", "one more") for name in there.keys() - listed]
    found += [
        Finding("changed", name, f"the digest {listed[name][:12]} of the run", there[name][:12])
        for name in listed.keys() & there
        if listed[name] != there[name]
    ]
    unknown = Finding("changed", MANIFEST, "it as it was written", "it changed")
    return sorted(found, key=lambda each: each.subject) or [unknown]


def _digests(text: str) -> dict[str, str]:
    return {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}


def _record(folder: Path) -> list[Finding]:
    try:
        record = load(folder)
        expected = derived(record, folder)
    except TamperedLog as error:
        return [Finding("changed", EVENTS, "a whole chain", str(error))]
    except FileNotFoundError as error:
        raise NoRecord(str(error)) from error
    there = {name: (folder / name).read_bytes() if (folder / name).is_file() else None for name in expected}
    if found := there[JSON]:
        expected[JSON] = as_of(found, expected[JSON])
        if b'"delay":' not in found:
            expected.pop(DELAY, None)
    return [
        Finding(
            "changed",
            name,
            "what the event log gives",
            "none" if there[name] is None else "something else",
            next_step=f"verify it with the suite that made it ({record.facts.commit}): another may word it otherwise"
            if record.facts.commit
            else "",
        )
        for name, text in expected.items()
        if there[name] != text.encode()
    ]
