"""Prove a backup: read its files again and restore them into a scratch database beside the real one.

Source: checklist item pre.technical.3 ("Backups verified").
"""

from __future__ import annotations

import hashlib
from typing import Any

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from acceptance.backup.bsondump import (
    BackupFailed,
    Content,
    collections_of,
    content_of,
    documents_in,
    index_faults,
    read,
    restore,
)
from acceptance.backup.making import Backup
from acceptance.observe.mongo import database
from acceptance.target.model import Target


def faults_of(backup: Backup) -> list[str]:
    """Read every file of a backup again; name those that are not what was read from the source."""
    faults = []
    for name, expected in backup.collections.items():
        try:
            faults += _differs(f"{name}.bson", expected, content_of(read(backup.documents / f"{name}.bson")))
        except BackupFailed as error:
            faults.append(str(error))
    for name, digest in backup.files.items():
        path = backup.folder / name
        if not path.is_file():
            faults.append(f"{path}: expected a copy, found none")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"{path}: differs from the file that was copied; make the backup again")
    return faults


def restore_faults(target: Target, backup: Backup, prefix: str) -> list[str]:
    """Restore a backup into a scratch database beside the real one, and name what came out different.

    Args:
        target: Whose MongoDB; its own database is only read.
        backup: What to restore.
        prefix: The run's; the scratch database is named with it and dropped in the end.

    Raises:
        BackupFailed: The scratch database is not empty; nothing was done.
        Inconclusive: MongoDB is out of reach.
    """
    if len(prefix) < 10 or not prefix.isalnum():
        raise ValueError(f"expected a run's prefix, found {prefix!r}")
    with database(target) as mongo:
        scratch = mongo.client[f"{prefix}_restore"]
        # A server that does not keep databases apart would have the real one dropped below.
        if there := scratch.list_collection_names():
            raise BackupFailed(
                f"expected the new database {scratch.name} to be empty, found {', '.join(there)} in it; nothing was "
                "restored. If the server keeps all databases in one, restore on another server"
            )
        left_out = set(collections_of(mongo)) - set(backup.collections)
        faults = [f"{name}: in the database, and not in the backup; make it again" for name in sorted(left_out)]
        try:
            return faults + _restored(backup, scratch)
        except ConnectionFailure:
            raise
        except (BackupFailed, PyMongoError) as error:
            return [*faults, f"the restore ended early: {error}"]
        finally:
            mongo.client.drop_database(scratch.name)


def _restored(backup: Backup, scratch: Database[dict[str, Any]]) -> list[str]:
    restore(backup.documents, scratch, backup.collections)
    faults = []
    for name, expected in backup.collections.items():
        faults += _differs(f"{name}, restored", expected, content_of(documents_in(scratch, name)))
        faults += index_faults(backup.documents, scratch, name)
    return faults


def _differs(what: str, expected: Content, found: Content) -> list[str]:
    if found.documents != expected.documents:
        return [f"{what}: expected {expected.documents} documents, found {found.documents}"]
    if found.digest != expected.digest:
        return [f"{what}: {found.documents} documents, but not those of the source (digest {found.digest[:12]})"]
    return []
