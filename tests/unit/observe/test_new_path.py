"""What shows that a new path is at work: a metric, a log line, a document or a file, of the process that runs now."""

import glob
import os
import time
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from small_target import small_target

from acceptance.observe import new_path as module
from acceptance.observe.new_path import new_path
from acceptance.observe.store import Store
from acceptance.probes.flag_path import path_findings
from acceptance.target.file import TargetError
from acceptance.target.naming import DocumentNames
from acceptance.verdict import Inconclusive

NOW = time.time() // 1
STARTED, BEFORE, AFTER = NOW - 100, NOW - 110, NOW - 50


class Prometheus:
    """Exports these names; never asked for another kind."""

    def __init__(self, *names):
        self.exported = set(names)

    def names(self, job, prefix, *, used):
        return {name for name in self.exported if name.startswith(prefix) and not (used and name.endswith("_0"))}


class Collection:
    """Holds documents that were written at these times; matches by `_id` as MongoDB does."""

    full_name = "butler.archives"

    def __init__(self, *times):
        self.ids = [ObjectId.from_datetime(datetime.fromtimestamp(at, UTC)) for at in times]

    def __getitem__(self, _):
        return self

    def find(self, wanted):
        least = wanted["$or"][0]["_id"]["$gte"] if wanted else ObjectId(bytes(12))
        self.found = [{"_id": each} for each in self.ids if each >= least]
        return self

    def sort(self, *_):
        return self

    def limit(self, _):
        return self.found


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Makes what shows the new storage path, of a service whose process started at a known time."""

    def make(shown_by, *times, started=(STARTED,), exported=()):
        log = tmp_path / "api.log"
        stamp = "{:%Y-%m-%d %H:%M:%S,%f} INFO {}\n"
        told = [(STARTED - 200, "begin"), (NOW - 10, "served"), *((at, "kept by the adapter") for at in times)]
        log.write_text("".join(stamp.format(datetime.fromtimestamp(at, UTC), text) for at, text in sorted(told)))
        for number, at in enumerate(times):
            (tmp_path / f"new-{number}.zip").touch()
            os.utime(tmp_path / f"new-{number}.zip", (at, at))
        monkeypatch.setattr(module, "starts", lambda *_: list(started))
        monkeypatch.setattr(module, "database", lambda _: nullcontext(Store(Collection(*times), DocumentNames())))
        settings = {"FLAG_STORAGE_SHOWN_BY": f"'{shown_by}'", "API_LOGS": f"file://{log}", "LOG_FORMAT": "text"}
        return new_path(small_target(tmp_path, **settings), "21_01c", Prometheus(*exported))

    return make


KINDS = ["log:kept by the adapter", "document:archives", "path:{}/*.zip"]


@pytest.mark.parametrize("shown_by", KINDS)
def test_only_what_the_running_process_left_counts(path, tmp_path, shown_by):
    shown_by = shown_by.format(tmp_path)
    assert path(shown_by).seen() == set()
    assert path(shown_by, BEFORE).seen() == set()
    assert len(path(shown_by, BEFORE, AFTER).seen()) == 1


@pytest.mark.parametrize("shown_by", KINDS)
def test_what_may_be_of_the_process_before_is_no_sign_of_this_one(path, tmp_path, shown_by):
    """The process's start is known to the second only."""
    at_once = path(shown_by.format(tmp_path), STARTED + 0.5)
    assert (at_once.seen(), len(at_once.seen(surely=False))) == (set(), 1)


@pytest.mark.parametrize("shown_by", KINDS)
def test_what_is_of_a_time_to_come_may_be_of_the_process_before(path, tmp_path, shown_by):
    """A log of another zone made a good rollback a failed one."""
    with pytest.raises(Inconclusive, match="found 1 that are still to come, which may be of the process before"):
        path(shown_by.format(tmp_path), BEFORE, NOW + 3 * 3600).seen()


@pytest.mark.parametrize(("zone", "found"), [("+00:00", 1), ("", None)])
def test_a_time_that_is_stored_as_text_is_read_where_it_has_a_zone(path, monkeypatch, zone, found):
    shown = path("document:archives")
    texts = [f"{datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()}{zone}" for at in (BEFORE, AFTER)]
    held = [{"_id": at, "created_at": at} for at in texts]

    def find(self, wanted):
        self.found = [] if wanted else held
        return self

    monkeypatch.setattr(Collection, "find", find)
    with pytest.raises(Inconclusive, match="with a zone") if found is None else nullcontext():
        assert shown.seen() == {f"butler.archives {texts[1]}"}


def test_a_line_without_a_fraction_of_its_second_may_be_of_the_process_before(path, tmp_path):
    shown = path(KINDS[0], started=(STARTED + 0.4,))
    with (tmp_path / "api.log").open("a") as log:
        log.write(f"{datetime.fromtimestamp(STARTED, UTC):%Y-%m-%d %H:%M:%S} INFO kept by the adapter\n")
    assert (shown.seen(), len(shown.seen(surely=False))) == (set(), 1)


@pytest.mark.parametrize("shown_by", KINDS)
def test_without_a_process_nothing_is_known(path, tmp_path, shown_by):
    with pytest.raises(Inconclusive, match="no process of butler-api"):
        path(shown_by.format(tmp_path), AFTER, started=()).seen()


def test_a_log_that_cannot_be_read_is_not_one_without_a_line(path, tmp_path):
    shown = path("log:kept")
    (tmp_path / "api.log").unlink()
    with pytest.raises(Inconclusive):
        shown.seen()


def test_a_file_that_is_gone_again_is_no_sign_and_hides_none(path, tmp_path, monkeypatch):
    shown = path(f"path:{tmp_path}/*.zip", AFTER)
    found = glob.glob
    monkeypatch.setattr(glob, "glob", lambda *_, **__: [f"{tmp_path}/received.zip", *found(f"{tmp_path}/*.zip")])
    assert shown.seen() == {f"{tmp_path}/new-0.zip"}


@pytest.mark.parametrize(
    ("new", "times", "wrong"),
    [
        (True, [AFTER], ""),
        (True, [BEFORE], "expected a line with 'kept by the adapter' in the log of butler-api, for the flag is true"),
        (False, [BEFORE], ""),
        (False, [AFTER], "expected no sign of a line with 'kept by the adapter' in the log of butler-api, for the"),
    ],
)
def test_the_path_that_the_flag_asks_for_must_be_the_one_seen(path, monkeypatch, new, times, wrong):
    monkeypatch.setattr(module, "poll", lambda ask, *_: ask())
    found = "; ".join(map(str, path_findings(path(KINDS[0], *times), new)))
    assert (wrong in found, bool(found)) == (True, bool(wrong))


def test_a_metric_is_told_by_the_deployments_own_name(path, tmp_path):
    shown = path("metric", exported=["review_archive_storage_bytes_written", "butler_messages_total"])
    assert shown.seen() == {"review_archive_storage_bytes_written"}
    own = small_target(tmp_path, METRIC_NAMES="review_archive_storage_=intake_")
    assert str(new_path(own, "21_01c", Prometheus())) == "metrics intake_* of job butler-api"


@pytest.mark.parametrize(("shown", "seen"), [("metric", True), ("metric:used", False)])
def test_a_counter_that_counted_nothing_is_a_sign_unless_the_target_file_says_otherwise(tmp_path, shown, seen):
    target = small_target(tmp_path, FLAG_STORAGE_SHOWN_BY=shown)
    assert bool(new_path(target, "21_01c", Prometheus("review_archive_storage_total_0")).seen()) is seen


def test_a_metric_is_looked_for_in_a_scrape_that_began_after_the_use(path, monkeypatch):
    shown = path("metric")
    monkeypatch.setattr(module, "await_scrape", lambda it, *_: it.exported.add("review_archive_storage_x"))
    assert (shown.seen(), shown.after_use()) == (set(), {"review_archive_storage_x"})


@pytest.mark.parametrize("shown_by", ["''", "nothing", "log:", "path:relative/*", "document:a b", "metric:x"])
def test_a_flag_that_nothing_shows_is_refused(tmp_path, shown_by):
    with pytest.raises(TargetError, match="FLAG_STORAGE_SHOWN_BY"):
        small_target(tmp_path, FLAG_STORAGE_SHOWN_BY=f"'{shown_by}'" if shown_by != "''" else shown_by)
