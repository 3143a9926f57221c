"""The purge removes what carries the run's prefix, and nothing else, whatever stands in its way."""

import os
import time
from contextlib import contextmanager

import pytest
from small_target import PREFIX, small_target

import acceptance.conduct.testdata
from acceptance.conduct.testdata import Purged, new_prefix, purge
from acceptance.verdict import Inconclusive


class Collection:
    """A collection without documents of ours; notes that it was asked."""

    def __init__(self, asked):
        self._asked = asked

    def delete_many(self, query):
        self._asked.append(query)
        return self

    deleted_count = 0


class Database(dict):
    """Collections by name; its server may hold what a killed restore left, and notes what is dropped."""

    names, dropped = [], []

    @property
    def client(self):
        return self

    def list_database_names(self):
        return self.names

    def drop_database(self, name):
        self.dropped.append(name)


@pytest.fixture
def asked(monkeypatch):
    queries = []

    @contextmanager
    def database(_):
        yield Database.fromkeys(acceptance.conduct.testdata.OWNED, Collection(queries))

    monkeypatch.setattr(acceptance.conduct.testdata, "database", database)
    return queries


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path)


def test_only_what_carries_the_prefix_is_removed(target, asked):
    store = target.storage.root
    (store / f"{PREFIX}-one" / "deep").mkdir(parents=True)
    (store / f"{PREFIX}-one" / "deep" / "a.zip").touch()
    (store / "student" / "x").mkdir(parents=True)
    (store / "student" / f"2_{PREFIX}.zip").touch()
    (store / "student" / "ops0123abce.zip").touch()
    assert purge(target, PREFIX) == Purged(0, 2)
    left = sorted(path.name for path in store.rglob("*"))
    assert left == ["ops0123abce.zip", "student", "x"]
    assert purge(target, PREFIX) == Purged(0, 0)  # twice is harmless
    assert all(PREFIX in str(query) for query in asked)


def test_scratch_database_of_a_killed_restore_is_dropped_and_no_other(target, asked, monkeypatch):
    monkeypatch.setattr(Database, "names", ["butler", f"{PREFIX}_restore", "ops99999999_restore"])
    monkeypatch.setattr(Database, "dropped", [])
    purge(target, PREFIX)
    assert Database.dropped == [f"{PREFIX}_restore"]


def test_link_is_removed_and_not_followed(target, asked, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (target.storage.root / f"{PREFIX}-link").symlink_to(tmp_path / "elsewhere")
    purge(target, PREFIX)
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_file_that_cannot_be_removed_is_told_after_all_else_is_gone(target, asked, monkeypatch):
    (target.storage.root / f"{PREFIX}-1").touch()
    (target.storage.root / f"{PREFIX}-2").touch()
    remove = acceptance.conduct.testdata._remove

    def stubborn(path):
        if path.name.endswith("-2"):
            raise PermissionError(13, "Permission denied", str(path))
        return remove(path)

    monkeypatch.setattr(acceptance.conduct.testdata, "_remove", stubborn)
    with pytest.raises(PermissionError, match=f"{PREFIX}-2"):
        purge(target, PREFIX)
    assert [path.name for path in target.storage.root.iterdir()] == [f"{PREFIX}-2"]
    assert asked


def test_folder_that_cannot_be_read_is_not_an_empty_one(target, asked, monkeypatch):
    def walk(root, onerror):
        onerror(PermissionError(13, "Permission denied", str(root)))
        return iter(())

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(PermissionError):
        purge(target, PREFIX)


def test_database_out_of_reach_is_told_in_time_and_the_files_are_gone(target):
    (target.storage.root / f"{PREFIX}-1").touch()
    begin = time.monotonic()
    with pytest.raises(Inconclusive, match="MongoDB did not answer"):
        purge(target, PREFIX)
    assert time.monotonic() - begin < 10
    assert list(target.storage.root.iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "ops", "ops.*aaaaaaaa", "9" * 9])
def test_what_is_no_prefix_removes_nothing(target, asked, prefix):
    (target.storage.root / "student").touch()
    with pytest.raises(ValueError, match="prefix"):
        purge(target, prefix)
    assert (list(target.storage.root.iterdir()), asked) == ([target.storage.root / "student"], [])


@pytest.mark.parametrize("style", ["text", "numeric"])
def test_new_prefix_is_one(target, asked, style):
    assert purge(target, new_prefix(style)) == Purged(0, 0)
