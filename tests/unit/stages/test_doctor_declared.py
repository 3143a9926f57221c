"""What a target file declares and nobody would miss before the night: each is found to be untrue."""

import json

import pytest
from served import answering
from small_target import small_target

from acceptance.probes.storage.snapshot import Tree
from acceptance.stages.declared import known_students, logins, programs, written_by_itself
from acceptance.verdict import Inconclusive


@pytest.fixture
def worker():
    """Serve as worker and HW checker with one known student; calls need a login where one is given."""

    def serve(login=""):
        def answer(asked):
            let_in = not login or "/homework" not in asked.path or asked.headers.get("Authorization") == login
            rows = [{}] if "ann" in asked.path else []
            return 200 if let_in else 401, json.dumps({"commits": rows, "checks": []}), {}

        return answering(answer)

    return serve


@pytest.fixture
def watching(tmp_path):
    """Watch a folder in which a service writes a log, and the storage root."""

    def target(writers=""):
        (tmp_path / "watched").mkdir()
        return small_target(tmp_path, WATCH_DIRS=tmp_path, KNOWN_WRITERS=writers, JOURNAL_DIR=tmp_path / "journal")

    return target


@pytest.mark.parametrize(
    ("writers", "name", "found"),
    [
        ("", "watched/api.log", 1),
        ("{}/watched/*.log", "watched/api.log", 0),
        ("", "store/archive.zip", 0),
        ("", "journal/lock", 0),
    ],
    ids=["a log", "a log that is named", "an archive", "our own"],
)
def test_what_changes_by_itself_in_the_watched_folders_is_told(watching, tmp_path, monkeypatch, writers, name, found):
    target, file = watching(writers.format(tmp_path)), tmp_path / name
    file.parent.mkdir(exist_ok=True)
    looks = iter([None, lambda: file.write_text("line")])
    of = Tree.of

    def look(folders):
        (next(looks, None) or (lambda: None))()
        return of(folders)

    monkeypatch.setattr(Tree, "of", look)
    assert [each.subject for each in written_by_itself(target, 0.1)] == [str(file)] * found


def test_a_watched_folder_that_is_not_there_is_not_known(tmp_path):
    with pytest.raises(Inconclusive, match="WATCH_DIRS"):
        written_by_itself(small_target(tmp_path, WATCH_DIRS=f"{tmp_path}:{tmp_path}-nowhere"), 0.1)


def test_a_test_student_without_a_commit_is_told(worker, tmp_path):
    with worker() as url:
        settings = {"WORKER_URL": url, "HW_CHECKER_URL": url, "HOMEWORK_STUDENT": "ann"}
        target = small_target(tmp_path, "HW_CHECKER_API_KEY=key-of-the-checker\n", **settings)
        found = known_students(target)
    assert [each.subject for each in found] == ["HOMEWORK_STUDENT_FLAG_ON=test_user_flag_on"]


@pytest.mark.parametrize(
    ("asked_for", "stated", "kinds"),
    [
        ("Bearer abc", "required", []),
        ("Bearer abc", "none:low", ["wrong statement"]),
        ("", "required", ["no authentication"]),
        ("", "none:low", []),
    ],
)
def test_what_is_said_of_logins_must_be_true(worker, tmp_path, asked_for, stated, kinds):
    with worker(asked_for) as url:
        settings = {"WORKER_URL": url, "SERVICE_LOGIN": "'Bearer abc'", "WORKER_AUTHENTICATION": stated}
        assert [each.kind for each in logins(small_target(tmp_path, ABSENT="'bot api'", **settings))] == kinds


def test_a_command_that_answers_for_a_person_must_be_there(tmp_path):
    settings = {"EVIDENCE_21_01a_deploy_1": "'git log'", "EVIDENCE_21_01b_deploy_1": "'no-such-program log'"}
    assert [each.found for each in programs(small_target(tmp_path, **settings))] == ["no-such-program"]
