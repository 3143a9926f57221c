"""Write the files beside the event log: the page, `record.json`, the exports, the manifest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from acceptance.disk import replace_text, sha256_of
from acceptance.events import EVENTS, read_events
from acceptance.record.build import build
from acceptance.record.delays import delay_of
from acceptance.record.exports import ctrf, junit, statement
from acceptance.record.html import page
from acceptance.record.messages import delay
from acceptance.record.schema import Record

PAGE = "record.html"
JSON = "record.json"
CTRF = "ctrf.json"
JUNIT = "junit.xml"
IN_TOTO = "intoto.json"
DELAY = "delay.txt"
"""The notice to send, of a run whose window was not enough."""
RENDERED = frozenset({PAGE, JSON, CTRF, JUNIT, IN_TOTO, DELAY})
"""What rendering writes anew from the log."""
MANIFEST = "MANIFEST.sha256"
SIGNATURE = "MANIFEST.sha256.sig"
"""Signs the manifest, so it is written after it and not listed in it."""
ATTACHED = "attached.jsonl"
"""Tells when the page was attached to its ticket: after the manifest, too."""
DRILL = "rollback_drill.json"
"""A rollback drill's account: its folder has a log and no record, for a drill is no run of the checks."""
LATER = frozenset({"delay", "follows", "overran", "state_found"})
"""Fields that `record.json` of older versions of the suite does not have."""
SCHEMA_ID = "butler-acceptance/record/1"


def load(folder: Path) -> Record:
    """Build the record of a run's folder from its event log.

    Raises:
        FileNotFoundError: The folder holds no `events.jsonl`.
        TamperedLog: The log was changed after it was written.
    """
    path = folder / EVENTS
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: expected a run's folder with {EVENTS}, found none; name the run's own folder"
        )
    return build(read_events(path))


def as_json(record: Record) -> dict[str, Any]:
    """Give the record as plain JSON; `acceptance/data/record.schema.json` is made from its types."""
    derived = {"awaiting": [line.id for line in record.awaiting], "delay": _plain(delay_of(record))}
    return {"schema": SCHEMA_ID, **_plain(record), **derived}


def to_text(record: Record) -> str:
    """Give `record.json`'s exact text: the same record always gives the same bytes."""
    return _compact(as_json(record))


def as_of(found: bytes, text: str) -> str:
    """Give `record.json` as the older version wrote it that wrote `found`, without the fields that it did not have."""
    try:
        return _compact(_without(json.loads(text), json.loads(found)))
    except ValueError:
        return text


def _without(new: Any, old: Any) -> Any:
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return list(map(_without, new, old))
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new
    return {key: _without(each, old.get(key)) for key, each in new.items() if key in old or key not in LATER}


def derived(record: Record, folder: Path) -> dict[str, str]:
    """Give name -> exact text of each file that follows from the event log and from nothing else."""
    return {
        JSON: to_text(record),
        CTRF: _compact(ctrf(record)),
        JUNIT: junit(record),
        IN_TOTO: _compact(statement(record, sha256_of(folder / EVENTS))),
        **({DELAY: notice} if (notice := delay(record)) else {}),
    }


def publish(folder: Path, page_path: Path | None = None) -> Record:
    """Write what follows from the log and the manifest, and the page unless `page_path` (pytest-html's) is there.

    Call it last: what changes afterwards in the folder no longer fits the manifest. To call it again is harmless.
    """
    record = load(folder)
    if page_path is None or not page_path.is_file():
        replace_text(folder / PAGE, page(record))
    for name, text in derived(record, folder).items():
        replace_text(folder / name, text)
    replace_text(folder / MANIFEST, manifest(folder))
    return record


def render(folder: Path) -> Path:
    """Render the page from the event log alone, after a run that could not, and seal the folder again.

    Returns:
        The page.
    """
    record = load(folder)
    path = folder / PAGE
    replace_text(path, page(record, "Rendered afterwards from the event log, not by the run itself."))
    publish(folder, path)
    return path


def manifest(folder: Path) -> str:
    """Give the digests of all files of a folder but itself and what comes after it, in sha256sum's format, by path."""
    after = [folder / name for name in (MANIFEST, SIGNATURE, ATTACHED)]
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path not in after)
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths)


def _compact(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN
    return str(value) if isinstance(value, str) else value
