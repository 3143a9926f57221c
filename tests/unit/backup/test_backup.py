"""Backups: whole ones restore, damaged ones are found, old ones go, over a real MongoDB wire server."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL

import bson
import pytest
from pymongo import MongoClient
from small_target import small_target

from acceptance.backup import making as backups
from acceptance.backup.bsondump import Content, content_of, dump, read
from acceptance.backup.making import BackupFailed, back_up, load, retention
from acceptance.backup.restoring import backup_findings, restore_findings
from acceptance.finding import summary
from acceptance.verdict import Inconclusive

NOW = datetime(2026, 11, 20, 18, 30, 5, tzinfo=UTC)
PREFIX = "ops1234abcd"
SECRET = "MONGO_PASSWORD=very-secret\n"


@contextmanager
def mongo_server(home, *storage):
    """A MongoDB wire server; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("nx-27017"), *storage, "--port", str(port)]
    process = subprocess.Popen([*command, "--log-file", home / "log", "--pid-file", home / "pid"], stderr=DEVNULL)
    try:
        with MongoClient(f"mongodb://127.0.0.1:{port}/", serverSelectionTimeoutMS=10_000) as client:
            client.admin.command("ping")
        yield f"mongodb://127.0.0.1:{port}/"
    finally:
        process.kill()  # asked to end, it now and then does not hear
        process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("mongo")
    with mongo_server(home, "--data-dir", home / "db") as url:
        yield url


@pytest.fixture
def target(tmp_path, server):
    infra = tmp_path / "infra"
    (infra / "prometheus").mkdir(parents=True)
    (infra / "prometheus" / "prometheus.yml").write_text("global: {}\n")
    keys = {"BACKUP_DIR": tmp_path / "backup", "MONGODB_URL": server, "HTTP_TIMEOUT_SECONDS": "3"}
    made = small_target(infra, SECRET, **keys)
    made.env_file.chmod(0o640)
    return made


@pytest.fixture
def db(server):
    """The database of the target: two collections with documents and an index, one empty."""
    with MongoClient(server) as client:
        client.drop_database("butler")
        found = client["butler"]
        found["dialog_contexts"].insert_many(
            [{"_id": f"s{n}", "n": n, "at": NOW, "data": {"h": [n]}} for n in range(700)]
        )
        found["dialog_contexts"].create_index("n", unique=True)
        found["long_tasks"].insert_many([{"_id": bson.ObjectId(), "status": "queued"} for _ in range(3)])
        yield found


@pytest.fixture
def made(target, db):
    """A whole backup."""
    return back_up(target, NOW)


def databases(db):
    return set(db.client.list_database_names())


def test_a_backup_is_whole_private_and_in_mongodumps_layout(made, target):
    assert made.folder == target.backup_dir / "epic21-pre-deploy-20261120-183005"
    documents = {name: found.documents for name, found in made.collections.items()}
    assert documents == {"dialog_contexts": 700, "long_tasks": 3}
    files = {str(path.relative_to(made.folder)): path.stat().st_mode & 0o777 for path in made.folder.rglob("*.*")}
    kinds = ("bson", "metadata.json")
    dumped = {f"butler/{name}.{kind}" for name in ("dialog_contexts", "long_tasks") for kind in kinds}
    others = {".env.infra.backup.20261120", "prometheus.yml.backup.20261120", "manifest.json"}
    assert files == dict.fromkeys(dumped | others, 0o600)
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert (made.folder / ".env.infra.backup.20261120").read_text() == SECRET


def test_a_good_backup_has_no_faults_and_restores(made, target, db):
    assert backup_findings(made) == []
    assert restore_findings(target, made, PREFIX) == []
    assert not any(name.startswith(PREFIX) for name in databases(db)), "the scratch database was left"
    assert load(made.folder) == made


def test_restoring_leaves_the_real_database_alone(made, target, db):
    db["long_tasks"].insert_one({"_id": "since", "status": "queued"})
    assert restore_findings(target, made, PREFIX) == []
    assert db["long_tasks"].count_documents({}) == 4


def first_of(content):
    return content[: int.from_bytes(content[:4], "little")]


DAMAGE = {
    "cut": ("dialog_contexts.bson", lambda all_: all_[:-5], "expected whole BSON documents"),
    "changed": (
        "dialog_contexts.bson",
        lambda all_: all_.replace(b"s699\x00", b"s6x9\x00"),
        "expected the 700 documents of the source, found others",
    ),
    "one lost": ("long_tasks.bson", lambda all_: all_.removeprefix(first_of(all_)), "expected 3 documents, found 2"),
    "one twice": ("long_tasks.bson", lambda all_: first_of(all_) + all_, "expected 3 documents, found 4"),
    "emptied": ("dialog_contexts.bson", lambda _: b"", "expected 700 documents, found 0"),
    "indexes cut": ("dialog_contexts.metadata.json", lambda all_: all_[:50], "expected mongodump's metadata"),
    "removed": ("long_tasks.bson", None, "No such file"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_is_found_by_reading_and_by_restoring(damage, made, target, db):
    name, changed, said = DAMAGE[damage]
    file = made.documents / name
    file.write_bytes(changed(file.read_bytes())) if changed else file.unlink()
    assert said in summary(backup_findings(made))
    assert restore_findings(target, made, PREFIX) != []
    assert not any(name.startswith(PREFIX) for name in databases(db)), "the scratch database was left"


def test_a_document_that_changes_on_the_way_into_the_database_is_found(made, target, db, monkeypatch):
    from acceptance.backup import restoring
    from acceptance.backup.bsondump import restore

    def restore_and_change(folder, scratch, names):
        original(folder, scratch, names)
        scratch["dialog_contexts"].update_one({"_id": "s5"}, {"$set": {"n": 100_000}})

    original = restore
    monkeypatch.setattr(restoring, "restore", restore_and_change)
    assert backup_findings(made) == []
    assert [each.kind for each in restore_findings(target, made, PREFIX)] == ["other documents"]


def test_an_index_that_does_not_come_back_is_found(made, target, db):
    path = made.documents / "dialog_contexts.metadata.json"
    assert "unique" in path.read_text()
    path.write_text("{}")
    assert "expected mongodump's metadata" in summary(restore_findings(target, made, PREFIX))


def test_a_collection_that_the_backup_left_out_is_named(made, target, db):
    part = replace(made, collections={"long_tasks": made.collections["long_tasks"]})
    assert [(each.kind, each.subject) for each in restore_findings(target, part, PREFIX)] == [
        ("left out", "dialog_contexts")
    ]


def test_a_changed_or_lost_copy_of_the_configuration_is_found(made):
    (made.folder / ".env.infra.backup.20261120").write_text("MONGO_PASSWORD=other\n")
    (made.folder / "prometheus.yml.backup.20261120").unlink()
    assert [each.kind for each in backup_findings(made)] == ["changed file", "missing file"]


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_left(target, db, tmp_path):
    (tmp_path / "backup").write_text("in the way")
    with pytest.raises(BackupFailed, match=r"cannot be written: .*make BACKUP_DIR a folder"):
        back_up(target, NOW)


def test_a_missing_configuration_is_told_and_nothing_half_done_is_left(target, db):
    target.env_file.unlink()
    with pytest.raises(BackupFailed, match=r"\.env\.infra"):
        back_up(target, NOW)
    assert list(target.backup_dir.iterdir()) == []


def test_a_disk_that_fills_leaves_nothing_half_done(target, db, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "dump", full)
    with pytest.raises(BackupFailed, match="No space left on device"):
        back_up(target, NOW)
    assert list(target.backup_dir.iterdir()) == []


def test_an_empty_database_is_no_backup(target, db):
    db.client.drop_database("butler")
    with pytest.raises(BackupFailed, match="check MONGODB_DATABASE"):
        back_up(target, NOW)


def test_a_second_backup_of_the_same_second_harms_none(made, target):
    with pytest.raises(BackupFailed):
        back_up(target, NOW)
    assert backup_findings(made) == []


def test_a_database_out_of_reach_is_inconclusive(target, made):
    away = replace(target, mongo=replace(target.mongo, url="mongodb://127.0.0.1:1/"), http_timeout_s=0.3)
    with pytest.raises(Inconclusive):
        back_up(away, NOW.replace(minute=31))
    with pytest.raises(Inconclusive):
        restore_findings(away, made, PREFIX)


def test_a_short_prefix_never_names_a_database(made, target):
    with pytest.raises(ValueError, match="expected a run's prefix"):
        restore_findings(target, made, "ops")


def test_a_server_that_does_not_keep_databases_apart_loses_nothing(made, target, tmp_path):
    """There the scratch database is the real one: dropping it would be the end of both."""
    with mongo_server(tmp_path, "--db", tmp_path / "one.db") as url, MongoClient(url) as client:
        client["butler"]["dialog_contexts"].insert_one({"_id": 1})
        shared = replace(target, mongo=replace(target.mongo, url=url))
        with pytest.raises(BackupFailed, match="to be empty, found dialog_contexts"):
            restore_findings(shared, made, PREFIX)
        assert client["butler"]["dialog_contexts"].count_documents({}) == 1


def test_what_is_no_backup_is_not_loaded(tmp_path):
    with pytest.raises(BackupFailed, match=r"manifest\.json: expected the manifest of a backup"):
        load(tmp_path)


def test_a_digest_does_not_depend_on_order_but_on_every_document(tmp_path):
    documents = [bson.encode({"_id": n}) for n in range(3)]

    def content(chosen):
        path = tmp_path / "c.bson"
        path.write_bytes(b"".join(chosen))
        return content_of(read(path))

    assert content(documents) == content(documents[::-1])
    assert content(documents).digest != content([documents[0], documents[1], documents[1]]).digest
    assert content([]) == Content(0, "0" * 64)


@pytest.fixture
def mongodump(tmp_path, monkeypatch):
    """Puts a mongodump of our own on PATH: a shell script that gets the real one's arguments."""

    def put(script):
        path = tmp_path / "bin" / "mongodump"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return put


def test_mongodump_is_taken_where_it_is_and_its_files_are_proved(mongodump, target, db, tmp_path):
    (tmp_path / "dumped").mkdir()
    dump(db, tmp_path / "dumped")
    mongodump(f'test -f "$3" && grep -q mongodb:// "$3" && cp -r {tmp_path}/dumped/butler "$7/"')
    made = back_up(target, NOW)
    assert (made.tool, backup_findings(made), restore_findings(target, made, PREFIX)) == ("mongodump", [], [])


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('echo "cannot reach $(cat "$3")" >&2; exit 3', "mongodump ended with 3, expected 0: cannot reach"),
        ("exit 0", "expected whole BSON documents"),
        (
            'mkdir "$7/butler"; : > "$7/butler/dialog_contexts.bson"; : > "$7/butler/long_tasks.bson"',
            "expected 700 to 700",
        ),
    ],
    ids=["fails", "writes nothing", "writes empty files"],
)
def test_a_mongodump_that_fails_makes_no_backup_and_tells_no_address(mongodump, script, said, target, db):
    mongodump(script)
    with pytest.raises(BackupFailed, match=said) as failed:
        back_up(target, NOW)
    assert target.mongo.url not in str(failed.value)
    assert list(target.backup_dir.iterdir()) == []


@pytest.fixture
def kept(tmp_path):
    """A folder with backups of several ages, and what is not ours."""
    ours = "20261101 20261112-020000 20261113 20261113-183006 20261399 20261101.partial 20261101-mine"
    names = (*(f"epic21-pre-deploy-{each}" for each in ours.split()), "other-20261101")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    (tmp_path / "epic21-pre-deploy-20261102").symlink_to(tmp_path / "other-20261101")
    (tmp_path / "epic21-pre-deploy-20261103").touch()
    return tmp_path


def test_retention_removes_only_our_own_that_are_older_than_seven_days(kept):
    before = {path.name for path in kept.iterdir()}
    done = retention(kept, 7, NOW, dry_run=False)
    gone = {"epic21-pre-deploy-20261101", "epic21-pre-deploy-20261112-020000"}
    assert {path.name for path in done.removed} == gone
    assert before - {path.name for path in kept.iterdir()} == gone


def test_a_dry_run_names_the_same_and_removes_nothing(kept):
    before = sorted(kept.iterdir())
    would = retention(kept, 7, NOW, dry_run=True)
    assert sorted(kept.iterdir()) == before
    assert "would remove 2: epic21-pre-deploy-20261101" in would.explain()
    assert (would.spared, would.removed) == ((), retention(kept, 7, NOW, dry_run=False).removed)


def test_the_newest_and_the_newest_that_was_finished_stay_however_old(kept):
    (kept / "epic21-pre-deploy-20261113-183006" / "manifest.json").unlink()
    (kept / "epic21-pre-deploy-20261113").rename(kept / "epic21-pre-deploy-20261113-100000")
    much_later = NOW.replace(year=2027)
    done = retention(kept, 7, much_later, dry_run=False)
    left = [path.name.removeprefix("epic21-pre-deploy-") for path in done.kept]
    assert left == ["20261113-100000", "20261113-183006"]
    assert done.spared == done.kept, "they are known to be too old all the same"


def test_backups_that_cannot_be_listed_are_inconclusive(tmp_path):
    with pytest.raises(Inconclusive, match="check BACKUP_DIR"):
        retention(tmp_path / "none", 7, NOW, dry_run=True)


def test_our_own_backups_fall_under_retention(made, target):
    later = datetime.fromtimestamp(time.time() + 30 * 86400, UTC)
    (target.backup_dir / "epic21-pre-deploy-20261121").mkdir()
    (target.backup_dir / "epic21-pre-deploy-20261121" / "manifest.json").touch()
    assert retention(target.backup_dir, 7, later, dry_run=False).removed == (made.folder,)
