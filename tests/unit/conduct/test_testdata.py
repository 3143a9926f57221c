"""The purge removes what carries the run's prefix, and nothing else, whatever stands in its way."""

import itertools
import os
import signal
import time
from contextlib import contextmanager, suppress

import pytest
import time_machine
from served import answering
from small_target import PREFIX, small_target

import acceptance.conduct.testdata
from acceptance.conduct.intents import Intents
from acceptance.conduct.journal import Journal
from acceptance.conduct.testdata import Purged, new_ids, new_prefix, purge, trace_prefix
from acceptance.conduct.undo import recover
from acceptance.observe.collections import OWNED, digits_of
from acceptance.polling import poll
from acceptance.probes.archives.archives import new_nonce
from acceptance.probes.attacks.escape_targets import Escapes, free
from acceptance.probes.clients import Clients
from acceptance.probes.http.under_way import Requests
from acceptance.verdict import Inconclusive


class Collection:
    """A collection without documents of ours but tasks that run; notes that it was asked."""

    running = iter(())

    def __init__(self, asked):
        self._asked = asked

    def delete_many(self, query):
        self._asked.append(query)
        return 0

    def count_documents(self, query):
        self._asked.append(query)
        return next(self.running, 0)


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
        yield Database.fromkeys(OWNED, Collection(queries))

    monkeypatch.setattr(acceptance.conduct.testdata, "database", database)
    return queries


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
    assert {PREFIX in str(query) for query in asked} == {True}


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


def test_what_belongs_to_ids_of_digits_alone_is_removed_too(target, asked):
    digits = digits_of(PREFIX)
    (target.storage.root / f"{digits}1_hw02.zip").touch()
    assert purge(target, PREFIX).files == 1
    told = str(next(query for query in asked if "$or" in query and "user_id" in str(query) and "status" not in query))
    assert f"^{digits}" in told
    assert str(int(digits) * 10) in told


@pytest.mark.parametrize("style", ["text", "numeric"])
def test_new_prefix_is_one(target, asked, style):
    assert purge(target, new_prefix(style)) == Purged(0, 0)


def test_tasks_end_before_what_they_write_is_removed(target, asked, monkeypatch):
    monkeypatch.setattr(Collection, "running", iter([2, 1]))
    purge(target, PREFIX)
    states = [query.get("status", "any") for query in asked]
    assert states[:6] == ["queued", *["running"] * 4, "any"]
    monkeypatch.setattr(Collection, "running", itertools.repeat(1))
    monkeypatch.setattr(acceptance.conduct.testdata, "RUNNING_S", 0.2)
    with pytest.raises(OSError, match=r"1 review tasks still run after 0.2 s"):
        purge(target, PREFIX)


def test_what_comes_after_the_first_look_is_removed_too(target, asked, monkeypatch):
    """A service that took an upload whose sender was killed keeps it a moment later."""
    first, late = (target.storage.root / f"{PREFIX}-{name}.zip" for name in ("first", "late"))
    first.touch()
    arrives = iter([late.touch])
    monkeypatch.setattr(time, "sleep", lambda _: next(arrives, lambda: None)())
    assert purge(target, PREFIX).files == 2
    assert not late.exists()


def test_what_a_slow_service_keeps_after_the_kill_is_removed_and_the_request_named(tmp_path, asked):
    """The sender is killed while the service pauses for longer than any calm."""
    late = tmp_path / "store" / f"{PREFIX}-late.zip"

    def kept_late(_):
        time.sleep(1.4)
        late.touch()
        return 201, "", {}

    with answering(kept_late) as url:
        target = small_target(tmp_path, API_URL=url)  # a request may take 1 s to connect and 1 s to be answered
        target.journal_dir.mkdir()
        call = Clients(target, trace_prefix(PREFIX)).caller("api")
        if not (sender := os.fork()):
            call.post("/api/v1/reviews", {"student_id": PREFIX})
            os._exit(0)
        assert poll(Requests(target.journal_dir, trace_prefix(PREFIX)).under_way, bool, 5)  # noted to its end
        os.kill(sender, signal.SIGKILL)
        os.waitpid(sender, 0)
        with pytest.raises(OSError, match=r"found 1 broken off .* \(POST http://127.0.0.1:\d+/api/v1/reviews, begun"):
            purge(target, PREFIX)
        assert not late.exists()
        late.touch()  # later than the request's own time-out
        assert (purge(target, PREFIX), list(target.journal_dir.iterdir())) == (Purged(0, 1), [])


def test_what_attacks_left_is_found_after_a_crash(target, journal, asked, tmp_path):
    """By name beside the places where they lead, by content at these places and below the storage; nobody else's."""
    outside, store = tmp_path / "outside", target.storage.root
    outside.mkdir()
    (outside / "theirs.zip").write_bytes(b"theirs")
    odd = outside / os.fsdecode(b"made\xff")  # no text in any encoding
    wanted = [outside / "theirs.zip", odd / "for" / "x.zip", outside / "new.zip", outside / "empty.zip", store / "a"]
    places = free(wanted, [store])
    assert not {outside / "theirs.zip", outside, store / "a"} & set(places)
    servers = time.time() + 60  # by our clock: that of a file server may be behind
    Intents(target, journal, lambda: None).data(PREFIX, Escapes(tuple(places), servers))
    (odd / "for").mkdir(parents=True)
    for path in (odd / "for" / "x.zip", outside / "new.zip", store / "main.py"):
        path.write_bytes(b"PK" + new_nonce(PREFIX))
    (outside / f"{PREFIX}-c0001").touch()
    (outside / "empty.zip").write_bytes(new_nonce("ops99999999"))  # somebody came to the place since
    (store / "log.txt").write_bytes(b"line\n" * 2000 + new_nonce(PREFIX))  # speaks of us
    accounts = recover(target, Journal(target.journal_file, "run-2"), None, None)
    told = f"{PREFIX}: removed 0 documents and 4 files, of which attacks left outside the storage: "
    assert [told in each for each in accounts] == [True], accounts
    outer = [odd / "for" / "x.zip", outside / "new.zip", outside / f"{PREFIX}-c0001"]
    assert [str(path) in accounts[0] for path in (*outer, store)] == [True, True, True, False], accounts
    assert sorted(path.name for path in outside.iterdir()) == ["empty.zip", "theirs.zip"]
    assert sorted(path.name for path in store.iterdir()) == ["log.txt"]


def test_a_note_that_cannot_be_read_is_a_request_that_nobody_knows_the_end_of(tmp_path, monkeypatch):
    monkeypatch.setattr("acceptance.probes.http.under_way.UNREAD_S", 0.1)
    (tmp_path / "request.ab.0").mkdir()  # not even root reads a folder as a file
    (tmp_path / "request.ab.1").write_text("")  # cut short: its request was never sent
    requests = Requests(tmp_path, "ab")
    [left] = requests.await_ends(requests.under_way())
    assert left.what == f"{tmp_path}/request.ab.0: Is a directory"


def test_a_clock_that_goes_back_holds_a_clean_up_up_no_longer_than_the_request(tmp_path):
    """As after a power loss: the machine comes up an hour behind, and a note is of the time to come."""
    requests = Requests(tmp_path, "ab")
    ahead = time_machine.travel(time.time() + 3600, tick=True)
    with ahead, suppress(KeyboardInterrupt), requests.noted("POST /x", 0.2):
        raise KeyboardInterrupt
    begin = time.monotonic()
    left = requests.await_ends(requests.under_way())
    assert (["POST /x" in each.what for each in left], time.monotonic() - begin < 5) == ([True], True)


@pytest.mark.parametrize("style", ["text", "numeric"])
def test_no_id_begins_another_one(style):
    """A copy of the twelfth user's conversation was taken for one of the first's, whom the old path had served."""
    new_id = new_ids(new_prefix(style))
    ids = [new_id("Hello") for _ in range(120)]
    assert [(one, other) for one in ids for other in ids if other != one and one in other] == []
    assert style == "text" or {len(each) for each in ids} == {15}  # no more than JavaScript and Telegram keep
