"""What was sent determines all that must come back: each wrong field, missing document and lost file is a finding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from acceptance.probes.archives.archives import good
from acceptance.probes.http.client import Called
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.metadata import recent
from acceptance.probes.storage.oracle import Submission, findings_of_all

NOW = datetime.now(UTC)
SUBMISSION = Submission.of("student", "hw02", good(), good(), good())
ANSWER = {
    "task_id": "rev_1",
    "status": "queued",
    "student_id": "student",
    "assignment_id": "hw02",
    "created_at": NOW.isoformat(),
}


def called(payload, status=201):
    return Called(Exchange("POST", "http://here", status, "", {}, "", 0.1, 9, "t1"), payload)


@pytest.fixture
def documents(tmp_path):
    """The documents and files that a good service makes of the submission."""
    made = []
    for sent in SUBMISSION.files:
        path = tmp_path / f"{sent.kind}.zip"
        path.write_bytes(sent.archive.read())
        facts = {"size_bytes": sent.archive.size, "sha256": sent.archive.sha256, "uploaded_at": NOW}
        names = {"kind": sent.kind, "filename": sent.filename, "path": str(path), "backend": "local_fs"}
        made.append({"task_id": "rev_1", "student_id": "student", "assignment_id": "hw02", **names, **facts})
    return made


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, False),
        ({"student_id": "another"}, True),
        ({"assignment_id": None}, True),
        ({"status": "lost"}, True),
        ({"task_id": ""}, True),
        ({"created_at": "yesterday"}, True),
        ({"created_at": "2020-01-01T00:00:00+00:00"}, True),
        ({"created_at": int(NOW.timestamp() * 1000)}, False),
        ({"created_at": NOW.timestamp()}, False),
        ({"created_at": NOW.astimezone(timezone(timedelta(hours=3))).isoformat()}, False),
        ({"created_at": int(NOW.timestamp() * 1000) - 10_800_000}, True),
        ({"created_at": 7}, True),
        ({"created_at": NOW.timestamp() - 300}, True),
    ],
    ids=[
        *("as it is", "another student", "no assignment", "another status", "no task", "no time", "years ago"),
        *("milliseconds", "seconds", "another zone", "hours ago", "1970", "before it was sent"),
    ],
)
def test_each_field_of_the_answer_counts(change, wrong):
    assert bool(SUBMISSION.answer_findings(called(ANSWER | change), 201, NOW)) is wrong


def test_status_of_the_answer_counts():
    assert SUBMISSION.answer_findings(called(ANSWER, 404), 200, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"task_id": "rev_2"},
        {"student_id": "another"},
        {"assignment_id": "hw03"},
        {"filename": "???.zip"},
        {"size_bytes": 1},
        {"sha256": "0" * 64},
        {"path": "/nowhere/NEW.zip"},
        {"backend": "s3"},
        {"uploaded_at": "now"},
    ],
    ids=str,
)
@pytest.mark.parametrize("number", range(3))
def test_each_field_of_each_document_counts(documents, tmp_path, number, change):
    documents[0]["uploaded_at"] = NOW.isoformat()  # a time has many forms
    documents[1]["uploaded_at"] = int(NOW.timestamp() * 1000)
    assert SUBMISSION.document_findings(documents, "rev_1", tmp_path) == []
    documents[number] |= change
    assert SUBMISSION.document_findings(documents, "rev_1", tmp_path)


def test_one_document_for_each_file_and_no_other(documents, tmp_path):
    assert SUBMISSION.document_findings(documents[:2], "rev_1", tmp_path)
    assert SUBMISSION.document_findings([*documents, documents[0]], "rev_1", tmp_path)


def test_one_file_for_each_archive(documents, tmp_path):
    assert SUBMISSION.file_findings(tmp_path) == []
    (tmp_path / "copy.zip").write_bytes(SUBMISSION.files[1].archive.read())
    assert len(SUBMISSION.file_findings(tmp_path)) == 1


def test_a_copy_outside_the_storage_is_found(documents, tmp_path):
    root, outside = tmp_path / "store", tmp_path / "spool" / "x"
    storage = SimpleNamespace(root=root, legacy_root=root, watch_dirs=(tmp_path / "spool", tmp_path))
    root.mkdir()
    outside.parent.mkdir()
    for each in documents:
        Path(each["path"]).rename(root / Path(each["path"]).name)
    assert SUBMISSION.left_outside(storage) == []
    outside.write_bytes(SUBMISSION.files[2].archive.read())
    assert SUBMISSION.left_outside(storage) == [outside]
    assert SUBMISSION.without("logs_zip").left_outside(storage) == []


class Archives:
    """Keeps documents."""

    def __init__(self, documents):
        self._documents = documents

    def __getitem__(self, _):
        return self

    def find(self, wanted):
        return [each for each in self._documents if str(each["student_id"]) in wanted["student_id"]["$in"]]


def test_many_submissions_are_each_held_to_their_documents(documents, tmp_path):
    sent = [(SUBMISSION, "rev_1")]
    assert findings_of_all(sent, Archives(documents), tmp_path) == []
    assert findings_of_all(sent, Archives([each | {"student_id": "another"} for each in documents]), tmp_path)
    digits = Submission("901", "hw02", SUBMISSION.files)
    numbers = Archives([each | {"student_id": 901} for each in documents])
    assert findings_of_all([(digits, "rev_1")], numbers, tmp_path) == []
    shared = findings_of_all(sent * 2, Archives(documents), tmp_path)
    assert any(each.kind == "shared task" for each in shared)


def test_documents_of_a_student_belong_to_one_of_the_submissions(documents, tmp_path):
    other = replace(SUBMISSION, assignment_id="hw03")
    its = [each | {"assignment_id": "hw03", "task_id": "rev_2"} for each in documents]
    sent = [(SUBMISSION, "rev_1"), (other, "rev_2")]
    assert findings_of_all(sent, Archives([*documents, *its]), tmp_path) == []
    unclaimed = findings_of_all(sent[:1], Archives([*documents, *its]), tmp_path)
    assert [each.kind for each in unclaimed] == ["wrong documents"] * 3


def test_an_upload_whose_time_names_no_zone_may_be_recent():
    times = [f"2025-11-{time}" for time in ("29T01:30:00", "28T01:30:00", "29T01:30:00Z")]
    documents = [{"uploaded_at": each} for each in times]
    mongo = {"review_archives": SimpleNamespace(find=lambda _: documents)}
    assert list(recent(mongo, datetime(2025, 11, 29, 2, tzinfo=UTC))) == documents[:1]
