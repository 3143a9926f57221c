"""A service that was rolled back is on its old path: what shows that it is not, and what is no obstacle."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from small_target import FLAG, PREFIX, Restarter, small_target

import acceptance.conduct.old_path_proof
from acceptance.conduct.old_path_proof import OldPathProof
from acceptance.conduct.undo import Undo
from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding
from acceptance.observe.exported import still_exported
from acceptance.probes import user_path
from acceptance.verdict import Inconclusive, RollbackFailed

STORAGE = "review_archive_storage_operations_total"
HOMEWORK = "USE_NEW_HOMEWORK_REVIEW_SERVICE"
USE_CASE = "USE_DECOMPOSED_USE_CASE"
ARCHIVES = "metrics review_archive_storage_* of job butler-api"
SHOWN = f"butler-api shows nothing of the new path ({ARCHIVES})"


class Prometheus:
    """Gives look by look what is exported, the last for good; notes for which jobs it is asked, and for what."""

    def __init__(self):
        self.looks, self.asked = [set()], []

    def names(self, job, prefix, *, used=False):
        self.asked.append((job, prefix))
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return {name for name in found if name.startswith(prefix)}


@pytest.fixture
def prometheus(monkeypatch, target):
    """The target's Prometheus; what is to end is waited for a moment, not a target's scrapes."""
    made = Prometheus()

    def soon(prometheus, job, prefix, patience_s, *, used):
        assert patience_s == target.scrape_patience_s
        return still_exported(prometheus, job, prefix, 0.3, used=used)

    monkeypatch.setattr(acceptance.conduct.old_path_proof, "Prometheus", SimpleNamespace(of=lambda _: made))
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "still_exported", soon)
    return made


@pytest.fixture
def services():
    """All services restart at a time, and new processes are seen."""

    class All(Restarter):
        proved = True

        def restart(self, key, *, need_proof=True):
            (api,) = super().restart(key)
            api = api if self.proved else replace(api, started_after=None)
            return tuple(replace(api, service=name) for name in ("butler-api", "butler-bot", "butler-worker"))

    return All()


@pytest.fixture
def undone(target, services):
    """Switches a flag on and takes that back; gives the account."""

    def act(flag=FLAG):
        target.env_file.write_text(f"{flag}=false\n")
        return Undo(target, None, services).flag("21_01", "api", EnvFile(target.env_file).set(flag, "true")).account

    return act


def test_new_path_that_goes_on_is_a_failed_rollback(undone, prometheus, target):
    prometheus.looks = [{STORAGE}]
    with pytest.raises(RollbackFailed) as failure:
        undone()
    for part in (STORAGE, "butler-api: with", "still takes the new path", "create its container anew", "by hand:"):
        assert part in str(failure.value)
    assert EnvFile(target.env_file).flag(FLAG) is False


def test_old_path_is_said(undone, prometheus):
    assert undone().endswith(SHOWN)
    assert prometheus.asked == [("butler-api", "review_archive_storage_")]  # one question, no waiting


def test_series_of_the_old_process_may_end_a_little_later(undone, prometheus):
    prometheus.looks = [{STORAGE}, {STORAGE}, set()]
    assert "shows nothing of the new path" in undone()


@pytest.mark.parametrize(
    "looks",
    [[Inconclusive("out of reach")], [{STORAGE}, Inconclusive("out of reach")], [KeyError("out of reach")]],
    ids=["at once", "while waited for", "by an answer of its own kind"],
)
def test_prometheus_that_cannot_be_asked_is_no_obstacle(undone, prometheus, looks):
    prometheus.looks = looks
    assert "whether butler-api left the new path is not known: " in undone()


def test_without_a_new_process_nothing_is_asked(undone, prometheus, services):
    services.proved = False
    assert "not known: its new process was not seen" in undone()
    assert prometheus.asked == []


def test_another_stages_path_in_the_same_service_may_be_new(undone, prometheus):
    prometheus.looks = [{"homework_review_service_requests_total"}]  # accepted, and its flag is on
    assert "butler-worker shows nothing of the new path (metrics review_submission_* of job butler-worker)" in undone(
        USE_CASE
    )
    with pytest.raises(RollbackFailed, match="homework_review_service_requests_total"):
        undone(HOMEWORK)


def test_flags_that_are_taken_out_again_are_all_looked_at(target, prometheus, services):
    change = EnvFile(target.env_file).append({HOMEWORK: "false", USE_CASE: "false"}, "added")
    Undo(target, None, services).flag("21_00", "all", change)
    assert prometheus.asked == [("butler-worker", "homework_review_service_"), ("butler-worker", "review_submission_")]


LOST = {"a.zip": Finding("missing archive", "a.zip", "a file", "none")}


class Used:
    """A user of ours: notes what happens in which order, and meets what it is told to."""

    def __init__(self):
        self.found, self.order, self.unwritable = [], [], None
        self.wrong, self.told, self.memories = {}, None, []

    def database(self):
        return nullcontext(self)

    def ping(self):
        self.order.append("ping")

    def journal(self):
        self.order.append("journalled")
        if self.unwritable:
            raise self.unwritable

    def wrong_archives(self, user):
        if isinstance(self.wrong, Exception):
            raise self.wrong
        return self.wrong

    def findings(self, user, request, _):
        self.told = user.wrong_already
        self.memories.append(user.memory)
        assert user.new_id("back").startswith(f"{PREFIX}-back-")
        self.order.append((request, *user.before))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def used(monkeypatch, prometheus):
    made = Used()
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "Clients", lambda *_: made)
    monkeypatch.setattr(user_path, "findings", made.findings)
    monkeypatch.setattr(user_path, "wrong_archives", made.wrong_archives)
    monkeypatch.setattr(acceptance.conduct.old_path_proof, "await_scrape", lambda *_: made.order.append("scraped"))
    return made


@pytest.fixture
def rolled_back(target, services, used):
    def act(**added):
        target.env_file.write_text(f"{FLAG}=false\n")
        env = EnvFile(target.env_file)
        change = env.append(added, "added") if added else env.set(FLAG, "true")
        proof = OldPathProof(target, PREFIX, used.journal, (PREFIX,))
        return Undo(target, None, services, proof).flag("21_01c", "api", change)

    return act


def test_old_path_is_used_and_only_then_scraped(rolled_back, used):
    account = rolled_back().account
    told = "butler-api serves a user on the old path (upload), with what was stored before"
    assert f"{told}; butler-api shows nothing of the new path ({ARCHIVES}), after that" in account
    assert used.order == ["ping", "journalled", ("upload", PREFIX), "scraped"]


def test_what_only_use_shows_is_a_failed_rollback(rolled_back, used, prometheus):
    used.found = [Finding("bad answer", "upload of x", "201", "500")]
    with pytest.raises(RollbackFailed, match=r"serve its users \(upload\), found 1 bad answer: .* 201, found 500"):
        rolled_back()
    used.found, prometheus.looks = [], [set(), {STORAGE}]  # a counter, once there was something to count
    with pytest.raises(RollbackFailed, match=f"found {STORAGE} for"):
        rolled_back()


@pytest.mark.parametrize(
    ("wrong", "told"), [(LOST, LOST), (Inconclusive("MongoDB did not answer"), None)], ids=["known", "not known"]
)
def test_archives_that_were_wrong_before_are_not_held_against_the_rollback(rolled_back, used, wrong, told):
    used.wrong = wrong
    account = rolled_back().account
    assert used.told == told
    assert ("a.zip: expected a file, found none; see whether users'" in account) == (told is LOST)


def test_a_second_try_of_a_rollback_has_the_first_look(target, services, used):
    """What the first try lost is wrong by the second, and is held against it still."""
    target.env_file.write_text(f"{FLAG}=false\n")
    change = EnvFile(target.env_file).set(FLAG, "true")
    undo = Undo(target, None, services, OldPathProof(target, PREFIX, used.journal, (PREFIX,)))
    for used.wrong in ({}, LOST):
        undo.flag("21_01c", "api", change)
        assert used.told == {}
    assert used.memories[0] is used.memories[1]


GONE = Inconclusive("MongoDB did not answer")


@pytest.mark.parametrize(
    ("part", "error", "told"),
    [
        ("found", GONE, str(GONE)),
        ("unwritable", GONE, str(GONE)),
        ("found", KeyError("task_id"), "a stored document lacks the field 'task_id'"),
    ],
    ids=["database", "journal", "document"],
)
def test_what_keeps_a_user_from_asking_is_no_obstacle(rolled_back, used, part, error, told):
    setattr(used, part, error)
    account = rolled_back().account
    assert f"whether butler-api serves its users on the old path is not known: {told};" in account
    assert account.endswith(SHOWN)  # which alone proves little
    assert used.order[-1] != "scraped"


def test_flag_that_was_never_on_needs_no_user(rolled_back, used):
    rolled_back(**{HOMEWORK: "false"})
    assert used.order == []


@pytest.mark.parametrize("zone", [timedelta(), timedelta(hours=3)], ids=["", "in a log of another zone"])
@pytest.mark.parametrize("line", ["kept by the adapter", "kept as ever"])
def test_a_log_line_of_the_new_path_after_the_rollback_is_a_failed_one(
    rolled_back, used, target, monkeypatch, line, zone
):
    """Others' lines from before the restart are there too; the process's start is known to the second only."""
    log = target.env_file.with_name("api.log")
    write = lambda at, text: log.open("a").write(f"{at + zone:%Y-%m-%d %H:%M:%S,%f} INFO {text}\n")  # noqa: E731
    now = datetime.now(UTC)
    write(now - zone - timedelta(hours=2), "the log begins")
    write(now - timedelta(milliseconds=1), "kept by the adapter")
    shown = {"FLAG_STORAGE_SHOWN_BY": "'log:by the adapter'", "API_LOGS": f"file://{log}", "LOG_FORMAT": "text"}
    vars(target).update(vars(small_target(target.env_file.parent, **shown)))
    monkeypatch.setattr("acceptance.observe.new_path.starts", lambda *_: [float(int(now.timestamp()))])
    monkeypatch.setattr(used, "journal", lambda: write(datetime.now(UTC), line))
    expected = (
        pytest.raises(RollbackFailed, match=r"found .* INFO kept by the adapter for") if "ad" in line else nullcontext()
    )
    with expected:
        account = rolled_back().account
        seen = (
            "left the new path is not known: a line with 'by the" if zone else "shows nothing of the new path (a line"
        )
        assert f"butler-api {seen}" in account
