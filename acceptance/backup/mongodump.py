"""Run mongodump where the deployment's host has it (checklist item pre.technical.3)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pymongo.database import Database

from acceptance.backup.bsondump import BackupFailed, Content, collections_of, content_of, read
from acceptance.redact import HIDDEN, cut_front
from acceptance.target.model import Target

_PATIENCE_S = 3600.0


def mongodump(target: Target, database: Database[dict[str, Any]], folder: Path) -> dict[str, Content]:
    """Have mongodump write the target's database below `folder`, and say what its files hold.

    Others may write meanwhile, so a collection's count must lie between those before and after.

    Raises:
        BackupFailed: It failed, left out a collection, or wrote more or fewer documents than there were.
    """
    before = _counts(database)
    _run(target, folder)
    found = {name: content_of(read(folder / database.name / f"{name}.bson")) for name in before}
    after = _counts(database)
    for name, content in found.items():
        least, most = sorted((before[name], after.get(name, before[name])))
        if not least <= content.documents <= most:
            raise BackupFailed(
                f"mongodump wrote {content.documents} documents of {name}, expected {least} to {most}; "
                "look at its output and make the backup again"
            )
    return found


def _counts(database: Database[dict[str, Any]]) -> dict[str, int]:
    return {name: database[name].count_documents({}) for name in collections_of(database)}


def _run(target: Target, folder: Path) -> None:
    """Run mongodump with the address in a private file: every user of the host sees a command line."""
    descriptor, config = tempfile.mkstemp(prefix="mongodump-", suffix=".yaml")
    try:
        os.write(descriptor, f"uri: {json.dumps(target.mongo.url)}\n".encode())
        os.close(descriptor)
        command = ["mongodump", "--quiet", "--config", config, "--db", target.mongo.database, "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BackupFailed(
            f"expected mongodump to end within {_PATIENCE_S:g} s, found it still running; look at MongoDB, then make "
            "the backup again"
        ) from error
    finally:
        Path(config).unlink()
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace(target.mongo.url, HIDDEN)
        raise BackupFailed(f"mongodump ended with {done.returncode}, expected 0: {cut_front(said, 400)}")
