"""A service that was rolled back is on its old path: what shows that it is not, and what is no obstacle."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from small_target import FLAG, Restarter, small_target

import acceptance.conduct.old_path_proof
from acceptance.conduct.undo import Undo
from acceptance.envfile.file import EnvFile
from acceptance.observe.exported import still_exported
from acceptance.verdict import Inconclusive, RollbackFailed

STORAGE = "review_archive_storage_operations_total"
HOMEWORK = "USE_NEW_HOMEWORK_REVIEW_SERVICE"
USE_CASE = "USE_DECOMPOSED_USE_CASE"


class Prometheus:
    """Gives look by look what is exported, the last for good; notes for which jobs it is asked, and for what."""

    def __init__(self):
        self.looks, self.asked = [set()], []

    def names(self, job, prefix):
        self.asked.append((job, prefix))
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return {name for name in found if name.startswith(prefix)}


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path)


@pytest.fixture
def prometheus(monkeypatch, target):
    """The target's Prometheus; what is to end is waited for a moment, not a target's scrapes."""
    made = Prometheus()

    def soon(prometheus, job, prefix, patience_s):
        assert patience_s == target.scrape_patience_s
        return still_exported(prometheus, job, prefix, 0.3)

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
def put_back(target, services):
    """Switches a flag on and takes that back; gives the account."""

    def act(flag=FLAG):
        target.env_file.write_text(f"{flag}=false\n")
        return Undo(target, None, services).flag("21_01", "api", EnvFile(target.env_file).set(flag, "true"))

    return act


def test_new_path_that_goes_on_is_a_failed_rollback(put_back, prometheus, target):
    prometheus.looks = [{STORAGE}]
    with pytest.raises(RollbackFailed) as failure:
        put_back()
    for part in (STORAGE, "butler-api: with", "still takes the new path", "create its container anew", "by hand:"):
        assert part in str(failure.value)
    assert EnvFile(target.env_file).flag(FLAG) is False


def test_old_path_is_said(put_back, prometheus):
    assert put_back().endswith("butler-api exports nothing of the new path (review_archive_storage_*)")
    assert prometheus.asked == [("butler-api", "review_archive_storage_")]  # one question, no waiting


def test_series_of_the_old_process_may_end_a_little_later(put_back, prometheus):
    prometheus.looks = [{STORAGE}, {STORAGE}, set()]
    assert "exports nothing of the new path" in put_back()


@pytest.mark.parametrize(
    "looks",
    [[Inconclusive("out of reach")], [{STORAGE}, Inconclusive("out of reach")], [KeyError("out of reach")]],
    ids=["at once", "while waited for", "by an answer of its own kind"],
)
def test_prometheus_that_cannot_be_asked_is_no_obstacle(put_back, prometheus, looks):
    prometheus.looks = looks
    assert "whether butler-api left the new path is not known: " in put_back()


def test_without_a_new_process_nothing_is_asked(put_back, prometheus, services):
    services.proved = False
    assert "not known: its new process was not seen" in put_back()
    assert prometheus.asked == []


def test_another_stages_path_in_the_same_service_may_be_new(put_back, prometheus):
    prometheus.looks = [{"homework_review_service_requests_total"}]  # accepted, and its flag is on
    assert "butler-worker exports nothing of the new path (review_submission_*)" in put_back(USE_CASE)
    with pytest.raises(RollbackFailed, match="homework_review_service_requests_total"):
        put_back(HOMEWORK)


def test_flags_that_are_taken_out_again_are_all_looked_at(target, prometheus, services):
    change = EnvFile(target.env_file).append({HOMEWORK: "false", USE_CASE: "false"}, "added")
    Undo(target, None, services).flag("21_00", "all", change)
    assert prometheus.asked == [("butler-worker", "homework_review_service_"), ("butler-worker", "review_submission_")]
