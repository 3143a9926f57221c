"""butler-api in a whole lab: what it takes, what it refuses, and that a refusal leaves nothing behind."""

import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from whole_lab import WholeLab, archive, form, linked

from lab.programs import _EICAR

OPERATIONS = "review_archive_storage_operations_total"
TRAVERSAL: dict[str, dict[str, Any]] = {
    "parent": {"student_id": "../../outside/x"},
    "absolute": {"student_id": "/etc/cron.d/x"},
    "encoded": {"assignment_id": "..%2f..%2fx"},
    "encoded twice": {"assignment_id": "%252e%252e%252fx"},
    "overlong": {"assignment_id": b"..\xc0\xafx"},
    "NUL": {"student_id": "ann\0x"},
    "file parent": {"name": b'filename="../../x.zip"'},
    "file drive": {"name": b'filename="C:\\\\x.zip"'},
    "file stream": {"name": b'filename="x.zip:y.zip"'},
    "file extended": {"name": b"filename=\"x.zip\"; filename*=UTF-8''..%2f..%2fx.zip"},
    "file pieces": {"name": b'filename*0="../"; filename*1="x.zip"'},
    "member parent": {"content": archive(("../../../outside/x", b"x"))},
    "member absolute": {"content": archive(("/tmp/x", b"x"))},
    "member backslash": {"content": archive(("..\\x", b"x"))},
}


@pytest.fixture(scope="module", params=["old", "new"])
def path(request: pytest.FixtureRequest, lab: WholeLab) -> Iterator[str]:
    """Both storage paths, one after the other."""
    if request.param == "old":
        yield "old"
        return
    with lab.flag("USE_NEW_STORAGE_ADAPTER"):
        yield "new"


def tar_archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        file.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def flipped(content: bytes, where: float) -> bytes:
    index = int(where * (len(content) - 1))
    return content[:index] + bytes([content[index] ^ 0x10]) + content[index + 1 :]


def test_a_good_upload_is_stored_whole(lab: WholeLab, path: str) -> None:
    content = archive()
    extra = {"old_zip": (b'filename="before.zip"', archive()), "logs_zip": (b'filename="logs.zip"', archive())}
    with lab.new_events() as events:
        answer = lab.upload(content, student_id="bob", assignment_id="hw02", files=extra)
    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert set(task) == {"task_id", "status", "student_id", "assignment_id", "created_at"}
    assert datetime.now(UTC) - datetime.fromisoformat(task["created_at"]) < timedelta(minutes=1)
    stored = lab.db["long_tasks"].find_one({"task_id": task["task_id"]})["metadata"]["archives"]
    assert sorted(stored) == ["logs", "new", "previous"]
    place = Path(stored["new"])
    assert place.read_bytes() == content
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    if path == "new":
        assert place == lab.storage / "bob" / "hw02" / task["task_id"] / "new.zip"
        assert place.parent.stat().st_mode & 0o777 == 0o750
        assert [event["checksum"] for event in events if event["event"] == "archive_stored" and event["kind"] == "new"]
    else:
        assert place.parent == lab.storage
        assert {"bob", "hw02", "new"} <= set(place.stem.split("_"))


def test_the_answer_can_be_read_again(lab: WholeLab, path: str) -> None:
    task = lab.upload().json()
    again = lab.http.get(f"{lab.reviews}/{task['task_id']}").json()
    assert {key: again[key] for key in ("task_id", "student_id", "created_at")} == {
        key: task[key] for key in ("task_id", "student_id", "created_at")
    }
    assert set(again) - set(task) == {"finished_at", "result", "error"}
    assert lab.http.get(f"{lab.reviews}/rev_unknown").status_code == 404


def test_metadata_and_metrics_belong_to_the_new_path(lab: WholeLab, path: str) -> None:
    content = archive()
    task = lab.upload(content, name=b'filename="\xd0\x9a\xd0\xbe\xd0\xb4 (1).zip"').json()
    document = lab.db["review_archives"].find_one({"task_id": task["task_id"]})
    text = lab.http.get(f"{lab.target['API_URL']}/metrics").text
    if path == "old":
        assert document is None
        assert "review_archive_storage" not in text
        return
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    assert (document["size_bytes"], document["kind"], document["backend"]) == (len(content), "new", "local_fs")
    assert document["filename"] == "Код (1).zip"
    assert isinstance(document["uploaded_at"], datetime)
    assert lab.metric(OPERATIONS, operation="save_new", status="success", backend="local_fs") >= 1
    assert lab.metric("review_archive_storage_bytes_written", backend="local_fs") >= len(content)
    assert lab.metric("review_archive_storage_latency_seconds_count", operation="save_new") >= 1


@pytest.mark.parametrize("where", [0.02, 0.3, 0.99])
def test_a_flipped_bit_is_a_failed_checksum(lab: WholeLab, path: str, nothing_left: None, where: float) -> None:
    content = archive(("a.bin", bytes(range(256)) * 20), compress=zipfile.ZIP_STORED)
    before = lab.metric("review_archive_storage_checksum_failures_total") or 0
    with lab.new_events() as events:
        answer = lab.upload(flipped(content, where), new_zip_sha256=hashlib.sha256(content).hexdigest())
    assert answer.status_code == 422
    assert [event["event"] for event in events] == ["checksum_failed"]
    assert lab.metric("review_archive_storage_checksum_failures_total") == (before + 1 if path == "new" else None)


@pytest.mark.parametrize("cut", [0, 40, -20], ids=["empty", "head only", "tail missing"])
def test_a_damaged_archive_is_refused_though_its_digest_holds(
    lab: WholeLab, path: str, nothing_left: None, cut: int
) -> None:
    assert lab.upload(archive(("a", b"x" * 500))[:cut]).status_code == 400


def test_a_virus_is_refused_also_within_an_archive(lab: WholeLab, path: str, nothing_left: None) -> None:
    before = lab.metric(OPERATIONS, error_type="av_scan_reject") or 0
    for content in (_EICAR.encode(), archive(("inner.txt", _EICAR.encode()))):
        with lab.new_events() as events:
            assert lab.upload(content).status_code == 422
        assert [event["event"] for event in events] == ["av_scan_reject"]
    assert lab.metric(OPERATIONS, error_type="av_scan_reject") == (before + 2 if path == "new" else None)


def nested(depth: int) -> bytes:
    content = archive(("x", b"x"))
    for _ in range(depth):
        content = archive(("inner.zip", content))
    return content


REFUSED = {name: (422, "path_traversal", given) for name, given in TRAVERSAL.items()} | {
    "symlink member": (422, "path_traversal", {"content": linked("/etc/passwd")}),
    "hostile tar": (422, "path_traversal", {"content": tar_archive("../../x")}),
    "tar": (400, "upload_rejected", {"content": tar_archive("x")}),
    "no digest": (422, "checksum_failed", {"new_zip_sha256": None}),
    "wrong digest": (422, "checksum_failed", {"new_zip_sha256": "0" * 64}),
    "malformed digest": (422, "checksum_failed", {"new_zip_sha256": "xyz"}),
    "wrong crc": (
        400,
        "checksum_failed",
        {"content": archive(("a.bin", b"sound" * 100), compress=zipfile.ZIP_STORED).replace(b"sound", b"SOUND", 1)},
    ),
    "no student": (422, "upload_rejected", {"student_id": None}),
    "a blank": (422, "upload_rejected", {"student_id": "a b"}),
    "a long name": (422, "upload_rejected", {"assignment_id": "x" * 65}),
    "no commit": (422, "upload_rejected", {"new_commit": ""}),
    "no zip": (422, "upload_rejected", {"name": b'filename="work.exe"'}),
    "no file name": (422, "upload_rejected", {"name": b"x=y"}),
    "ratio": (422, "size_limit", {"content": archive(("zeros", bytes(20 << 20)))}),
    "many members": (422, "size_limit", {"content": archive(*((f"f{number}", b"") for number in range(2001)))}),
    "nested ratio": (422, "size_limit", {"content": archive(("i.zip", archive(("zeros", bytes(20 << 20)))))}),
    "too deep": (422, "size_limit", {"content": nested(3)}),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_refused_leaves_one_event_and_nothing_else(
    lab: WholeLab, path: str, nothing_left: None, case: str
) -> None:
    status, event, given = REFUSED[case]
    with lab.new_events() as events:
        answer = lab.upload(**given)
    assert (answer.status_code, [line["event"] for line in events]) == (status, [event]), answer.text
    assert answer.json().keys() == {"detail"}
    assert "/" not in answer.text


def test_two_levels_of_nesting_are_good(lab: WholeLab, path: str) -> None:
    assert lab.upload(nested(2)).status_code == 201


def test_identifiers_that_collide_when_joined_do_not_meet(lab: WholeLab, path: str) -> None:
    first, second = archive(), archive()
    before = set(lab.files())
    assert lab.upload(first, student_id="1_2", assignment_id="3").status_code == 201
    assert lab.upload(second, student_id="1", assignment_id="2_3").status_code == 201
    assert lab.upload(second, student_id="1", assignment_id="2_3").status_code == 201
    contents = [Path(name).read_bytes() for name in set(lab.files()) - before]
    assert sorted(contents) == sorted([first, second, second])


def test_a_request_carries_its_trace_into_the_log(lab: WholeLab, path: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with lab.new_events() as events:
        lab.post(form({"student_id": ".."}, {}), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert [(event["event"], event["trace_id"]) for event in events] == [("path_traversal", trace)]
