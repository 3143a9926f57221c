"""Prove a backup: read its files again and restore them into a scratch database beside the real one.

Source: checklist item pre.technical.3 ("Backups verified").
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from acceptance.backup.bsondump import (
    BackupFailed,
    Content,
    collections_of,
    content_of,
    documents_in,
    index_findings,
    indexes,
    read,
    restore,
)
from acceptance.backup.making import Backup
from acceptance.disk import sha256_of
from acceptance.finding import Finding
from acceptance.observe.mongo import as_it_is
from acceptance.target.model import Target


def backup_findings(backup: Backup) -> list[Finding]:
    """Read every file of a backup again, and name those that differ from their source."""
    found = []
    for name, expected in backup.collections.items():
        try:
            found += _differs(f"{name}.bson", expected, content_of(read(backup.documents / f"{name}.bson")))
        except BackupFailed as error:
            found.append(Finding("unreadable file", f"{name}.bson", "the documents of the source", str(error)))
        try:
            indexes(backup.documents / f"{name}.metadata.json")
        except BackupFailed as error:
            found.append(Finding("unreadable file", f"{name}.metadata.json", "the indexes of the source", str(error)))
    for name, digest in backup.files.items():
        path = backup.folder / name
        if not path.is_file():
            found.append(Finding("missing file", str(path), "a copy", "none"))
        elif sha256_of(path) != digest:
            again = "make the backup again"
            found.append(Finding("changed file", str(path), "the file that was copied", "another", next_step=again))
    return found


def restore_findings(target: Target, backup: Backup, prefix: str) -> list[Finding]:
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
    with as_it_is(target) as mongo:
        scratch = mongo.client[f"{prefix}_restore"]
        # A server that does not keep databases apart would have the real one dropped below.
        if there := scratch.list_collection_names():
            raise BackupFailed(
                f"expected the new database {scratch.name} to be empty, found {', '.join(there)} in it; nothing was "
                "restored. If the server keeps all databases in one, restore on another server"
            )
        left_out = set(collections_of(mongo)) - set(backup.collections)
        found = [
            Finding(
                "left out", name, "this collection in the backup", "it in the database alone", next_step="make it again"
            )
            for name in sorted(left_out)
        ]
        try:
            return found + _restored(backup, scratch)
        except ConnectionFailure:
            raise
        except (BackupFailed, PyMongoError) as error:
            return [
                *found,
                Finding("not restored", scratch.name, "the whole backup", f"the restore ended early: {error}"),
            ]
        finally:
            mongo.client.drop_database(scratch.name)


def _restored(backup: Backup, scratch: Database[dict[str, Any]]) -> list[Finding]:
    restore(backup.documents, scratch, backup.collections)
    found = []
    for name, expected in backup.collections.items():
        found += _differs(f"{name}, restored", expected, content_of(documents_in(scratch, name)))
        found += index_findings(backup.documents, scratch, name)
    return found


def _differs(what: str, expected: Content, found: Content) -> list[Finding]:
    if found.documents != expected.documents:
        return [Finding("other documents", what, f"{expected.documents} documents", str(found.documents))]
    if found.digest != expected.digest:
        others = f"others (digest {found.digest[:12]})"
        return [Finding("other documents", what, f"the {found.documents} documents of the source", others)]
    return []
