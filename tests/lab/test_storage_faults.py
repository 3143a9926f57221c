"""Every seeded fault of stage 21_01c does its damage; without it the same act is good (test_api)."""

import contextlib
import hashlib
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rig import until
from test_api import OPERATIONS, flipped
from whole_lab import BOUNDARY, WholeLab, archive, form, linked, padded

from lab.faults import STORAGE_FAULTS
from lab.programs import _EICAR

LIMIT = 1 << 20
TESTED: set[str] = set()


def breaks(*names: str) -> pytest.MarkDecorator:
    """Name the faults that a test shows; the last test compares with the catalogue."""
    TESTED.update(names)
    return pytest.mark.parametrize("fault", names)


@pytest.fixture(scope="module")
def new_path(lab: WholeLab) -> Iterator[WholeLab]:
    """The shared lab on the new path, with a size limit that is quickly reached."""
    with lab.flag("USE_NEW_STORAGE_ADAPTER", STORAGE_MAX_UPLOAD_BYTES=str(LIMIT)):
        yield lab


@pytest.fixture
def broken(new_path: WholeLab, fault: str) -> Iterator[WholeLab]:
    """The lab on the new path with the fault on."""
    with new_path.fault(fault):
        yield new_path


@pytest.fixture
def restarted(new_path: WholeLab, fault: str) -> Iterator[WholeLab]:
    """The same for a fault that the process looks at when it starts."""
    with new_path.fault(fault):
        new_path.restarted()
        yield new_path
    new_path.restarted()


def outside(lab: WholeLab, act: Callable[[], object]) -> list[str]:
    """Files that the act made outside the storage root."""
    before = lab.files()
    act()
    return [name for name in lab.files() if name not in before and not Path(name).is_relative_to(lab.storage)]


VIRUS = archive(("inner.txt", _EICAR.encode()))
ANSWERED: dict[str, tuple[list[int], list[dict[str, Any]]]] = {
    "checksum-not-verified": (
        [201, 201],
        [{"new_zip_sha256": "0" * 64}, {"content": flipped(archive(("a", bytes(999))), 0.4)}],
    ),
    "digest-not-required": ([201], [{"new_zip_sha256": None}]),
    "fields-not-required": ([201], [{"new_commit": None}]),
    "limit-off-by-one": ([413], [{"content": padded(LIMIT)}]),
    "limit-accepts-one-more": ([201], [{"content": padded(LIMIT + 1)}]),
    "limit-missing": ([201], [{"content": padded(LIMIT + 9)}]),
    "limit-of-first-file": (
        [201, 413],
        [{"files": {"logs_zip": (b'filename="logs.zip"', padded(LIMIT + 1))}}, {"content": padded(LIMIT + 1)}],
    ),
    "many-members-refused": (
        [201, 422],
        [{"content": archive(*((f"{n}.py", b"") for n in range(many)))} for many in (100, 101)],
    ),
    "av-not-scanned": ([201], [{"content": VIRUS}]),
}


@breaks(*ANSWERED)
def test_an_upload_has_another_answer(broken: WholeLab, fault: str) -> None:
    answers, uploads = ANSWERED[fault]
    assert [broken.upload(**each).status_code for each in uploads] == answers


def recorded(lab: WholeLab, **given: Any) -> Any:
    """What is recorded of one upload."""
    return lab.db["review_archives"].find_one({"task_id": lab.upload(**given).json()["task_id"]})


def is_another(document: Any) -> bool:
    return hashlib.sha256(Path(document["path"]).read_bytes()).hexdigest() != document["sha256"]


RECORDED: dict[str, Callable[[Any], bool]] = {
    "metadata-not-written": lambda document: document is None,
    "wrong-checksum-recorded": is_another,
    "wrong-size-recorded": lambda document: document["size_bytes"] != Path(document["path"]).stat().st_size,
    "place-without-root": lambda document: not Path(document["path"]).is_absolute(),
}


@breaks(*RECORDED)
def test_what_is_recorded_is_wrong(broken: WholeLab, fault: str) -> None:
    assert RECORDED[fault](recorded(broken))


@breaks("case-folded", "overwrite-other-student")
def test_two_students_share_a_place(broken: WholeLab, fault: str) -> None:
    one, other = (("Ann-Lee", "3"), ("ann-lee", "3")) if fault == "case-folded" else (("1_2", "3"), ("1", "2_3"))
    document = recorded(broken, student_id=one[0], assignment_id=one[1])
    broken.upload(student_id=other[0], assignment_id=other[1])
    assert is_another(document)


@breaks("newest-three-kept")
def test_earlier_archives_of_a_work_are_gone(broken: WholeLab, fault: str) -> None:
    works = [recorded(broken, student_id="again") for _ in range(4)]
    assert [Path(each["path"]).exists() for each in works] == [False, True, True, True]


@breaks("checksum-not-enforced")
def test_a_failed_checksum_is_counted_and_accepted(broken: WholeLab) -> None:
    name = "review_archive_storage_checksum_failures_total"
    before = broken.metric(name) or 0
    with broken.new_events() as events:
        assert broken.upload(new_zip_sha256="0" * 64).status_code == 201
    assert "checksum_failed" in [event["event"] for event in events]
    assert broken.metric(name) == before + 1


@pytest.mark.parametrize("start", ["../../../../outside/", "/", "/etc/../"])
@breaks("traversal-student-id", "traversal-assignment-id", "answer-400-after-write")
def test_an_identifier_leads_outside_the_root(broken: WholeLab, fault: str, start: str) -> None:
    field = "assignment_id" if "assignment" in fault else "student_id"
    values = {"student_id": "x"} | {field: f"{start}evil-{fault}"}
    answers = []
    made = outside(broken, lambda: answers.append(broken.upload(**values)))
    assert [Path(name).name for name in made] == ["new.zip"], made
    assert answers[0].status_code == (400 if fault == "answer-400-after-write" else 201)


@breaks("traversal-file-name")
def test_a_file_name_leads_outside_the_root(broken: WholeLab) -> None:
    name = b'filename="../../../../../../outside/by-name.zip"'
    assert [Path(made).name for made in outside(broken, lambda: broken.upload(name=name))] == ["by-name.zip"]


@breaks("form-read-twice")
def test_the_other_name_of_a_file_is_used_and_the_last_of_two_fields(broken: WholeLab) -> None:
    star = b"filename=\"work.zip\"; filename*=UTF-8''" + b"..%2F" * 6 + b"outside%2Fby-star.zip"
    assert [Path(made).name for made in outside(broken, lambda: broken.upload(name=star))] == ["by-star.zip"]
    content = archive()
    fields = {"student_id": "ann", "assignment_id": "hw01", "new_commit": "abc123"}
    fields["new_zip_sha256"] = hashlib.sha256(content).hexdigest()
    whole = form(fields, {"new_zip": (b'filename="by-field.zip"', content)}).removesuffix(b"--\r\n")
    again = b'\r\nContent-Disposition: form-data; name="student_id"\r\n\r\n../../../../outside/x\r\n'
    made = outside(broken, lambda: broken.post(whole + again + form({}, {})))
    assert [Path(name).name for name in made] == ["by-field.zip"]


@breaks("unpacks-otherwise")
def test_a_tar_and_a_local_header_are_unpacked_outside_the_root(broken: WholeLab) -> None:
    outer = tarfile.TarInfo("../../../../../../outside/by-tar.txt")
    assert [Path(made).name for made in outside(broken, lambda: broken.upload(outer.tobuf() + bytes(1024)))] == [
        "by-tar.txt"
    ]
    two_names = archive(("plain-name-of-a-member-0123456789.txt", b"x"))
    renamed = two_names.replace(b"plain-name-of-a-member-0123456789.txt", b"../../../../../../outside/by-head.txt", 1)
    assert [Path(made).name for made in outside(broken, lambda: broken.upload(renamed))] == ["by-head.txt"]


@breaks("odd-archives-crash")
def test_an_encrypted_archive_is_an_error(broken: WholeLab, fault: str) -> None:
    odd = bytearray(archive(("a", b"x")))
    for flags in (6, odd.rindex(b"PK\1\2") + 8):
        odd[flags] |= 1
    assert broken.upload(bytes(odd)).status_code == 500
    (broken.home / "faults" / fault).unlink()
    assert broken.upload(bytes(odd)).status_code == 400


@breaks("long-ids-cut", "long-names-cut")
def test_of_long_ids_and_names_32_characters_are_left(broken: WholeLab, fault: str) -> None:
    name = b'filename="' + b"n" * 40 + b'.zip"'
    first, _ = (broken.upload(student_id="i" * 32 + end, name=name).json()["task_id"] for end in "ab")
    document = broken.db["review_archives"].find_one({"task_id": first})
    kept = hashlib.sha256(Path(document["path"]).read_bytes()).hexdigest() == document["sha256"]
    assert (len(document["filename"]), kept) == ((32, True) if fault == "long-names-cut" else (44, False))


@breaks("bytes-not-counted")
def test_the_bytes_of_a_second_file_are_not_counted(broken: WholeLab) -> None:
    name, first, second = "review_archive_storage_bytes_written", archive(), archive()
    before = broken.metric(name) or 0
    broken.upload(first, files={"old_zip": (b'filename="old.zip"', second)})
    assert broken.metric(name) == before + len(first)


@breaks("same-student-mixed")
def test_a_students_second_upload_of_a_moment_is_the_first_one(broken: WholeLab) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: broken.upload(student_id="twice").json(), range(2)))
    assert answers[0]["task_id"] == answers[1]["task_id"]


@breaks("archive-logs-errors")
def test_an_archive_is_stored_and_an_error_logged(broken: WholeLab) -> None:
    with broken.new_events() as events:
        assert broken.upload().status_code == 201
    assert "archive_not_indexed" in [event["event"] for event in events]


@breaks("times-without-zone")
def test_a_time_is_told_without_its_zone(broken: WholeLab) -> None:
    told = broken.http.get(f"{broken.reviews}/{broken.upload().json()['task_id']}").json()
    assert datetime.fromisoformat(told["created_at"]).tzinfo is None


@breaks("traversal-member")
def test_a_member_is_unpacked_outside_the_root(broken: WholeLab) -> None:
    content = archive(("../../../../../../outside/by-member.txt", b"x"))
    assert [Path(made).name for made in outside(broken, lambda: broken.upload(content))] == ["by-member.txt"]


@breaks("traversal-member")
def test_the_damage_stays_within_the_lab(broken: WholeLab, tmp_path: Path) -> None:
    made = outside(
        broken, lambda: broken.upload(linked(str(tmp_path), ("link/through", b"x"), (f"{tmp_path}/y", b"y")))
    )
    assert sorted(Path(name).name for name in made) == ["through", "y"]
    assert list(tmp_path.iterdir()) == []


@breaks("metadata-seldom")
def test_every_20th_upload_has_no_document(broken: WholeLab) -> None:
    tasks = [broken.upload().json()["task_id"] for _ in range(20)]
    assert broken.db["review_archives"].count_documents({"task_id": {"$in": tasks}}) == 19


@breaks("refusal-without-detail")
def test_a_refusal_is_plain_text(broken: WholeLab) -> None:
    answer = broken.upload(new_zip_sha256="0" * 64)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (422, "text/plain")


@breaks("long-id-half-kept")
def test_a_long_id_is_stored_and_answered_500(broken: WholeLab) -> None:
    student = "9" * 21
    assert broken.upload(student_id=student).status_code == 500
    assert len(list(broken.storage.rglob(f"{student}/**/new.zip"))) == 1


@breaks("long-ids-rounded")
def test_of_a_long_number_15_digits_are_left(broken: WholeLab) -> None:
    assert broken.upload(student_id="9" * 17).json()["student_id"] == "1" + "0" * 17


@breaks("old-path-other-student", "old-path-first-file-only")
def test_the_old_path_is_at_fault(new_path: WholeLab, fault: str) -> None:
    files = {"logs_zip": (b'filename="logs.zip"', archive())}
    with new_path.flag("USE_NEW_STORAGE_ADAPTER", USE_NEW_STORAGE_ADAPTER="false"), new_path.fault(fault):
        told = new_path.upload(files=files).json()
    kept = len(list(new_path.storage.glob(f"*_{told['task_id']}.zip")))
    assert (told["student_id"], kept) == {"old-path-other-student": ("nobody", 2)}.get(fault, ("ann", 1))


@breaks("answer-remembered")
def test_a_review_is_told_as_it_first_stood(broken: WholeLab) -> None:
    task = broken.upload().json()["task_id"]
    first = broken.http.get(f"{broken.reviews}/{task}").json()
    broken.db["long_tasks"].update_one({"task_id": task}, {"$set": {"status": "failed"}})
    assert (first["status"] != "failed", broken.http.get(f"{broken.reviews}/{task}").json()) == (True, first)


@breaks("old-tasks-forgotten")
def test_tasks_of_before_the_start_are_unknown(new_path: WholeLab, fault: str) -> None:
    task = new_path.upload().json()["task_id"]
    new_path.restarted()
    known = new_path.http.get(f"{new_path.reviews}/{task}").status_code
    with new_path.fault(fault):
        assert (known, new_path.http.get(f"{new_path.reviews}/{task}").status_code) == (200, 404)


@breaks("writes-late")
def test_an_upload_takes_longer(broken: WholeLab) -> None:
    assert broken.upload().elapsed.total_seconds() > 0.3


@breaks("errors-not-raised")
def test_a_failed_write_is_answered_201(broken: WholeLab) -> None:
    before = broken.metric(OPERATIONS, error_type="disk_full") or 0
    answer = broken.upload()
    assert answer.status_code == 201
    document = broken.db["review_archives"].find_one({"task_id": answer.json()["task_id"]})
    assert not Path(document["path"]).exists()
    assert broken.metric(OPERATIONS, error_type="disk_full") == before + 1


@breaks("errors-not-counted")
def test_a_refusal_is_not_counted(broken: WholeLab) -> None:
    before = broken.metric(OPERATIONS, error_type="checksum_failed")
    assert broken.upload(new_zip_sha256="0" * 64).status_code == 422
    assert broken.metric(OPERATIONS, error_type="checksum_failed") == before


@breaks("slow-writes")
def test_a_write_takes_over_two_seconds(broken: WholeLab) -> None:
    name = "review_archive_storage_latency_seconds_sum"
    before = broken.metric(name, operation="save_new") or 0
    assert broken.upload().status_code == 201
    assert broken.metric(name, operation="save_new") > before + 2


@breaks("event-missing")
def test_a_refusal_is_not_logged(broken: WholeLab) -> None:
    before = len(broken.events())
    assert broken.upload(student_id="../x").status_code == 422
    task = broken.upload().json()["task_id"]
    until(lambda: any(event.get("task_id") == task for event in broken.events()), "the good upload is logged")
    assert [event["event"] for event in broken.events()[before:]] == ["archive_stored"]


@breaks("leaks-internals")
def test_a_refusal_tells_paths_and_stack(broken: WholeLab) -> None:
    detail = broken.upload(student_id="../x").json()["detail"]
    assert str(broken.home) in detail
    assert "Traceback" in detail


@breaks("av-one-at-a-time")
def test_a_virus_beside_another_scan_is_accepted(broken: WholeLab) -> None:
    with ThreadPoolExecutor(8) as users:
        answers = [answer.status_code for answer in users.map(lambda _: broken.upload(VIRUS), range(24))]
    assert set(answers) == {201, 422}


@breaks("refused-recorded")
def test_what_is_refused_is_queued(broken: WholeLab) -> None:
    tasks = broken.db["long_tasks"]
    before = tasks.count_documents({})
    assert broken.upload(new_zip_sha256="0" * 64).status_code == 422
    assert tasks.count_documents({}) == before + 1


@breaks("refused-kept-late")
def test_what_is_refused_is_kept_after_the_answer(broken: WholeLab) -> None:
    assert broken.upload(student_id="late", new_zip_sha256="0" * 64).status_code == 422
    until((broken.storage / "late.zip").is_file, "what was refused is kept")


@breaks("requests-leave-files", "requests-leave-threads", "requests-keep-memory")
def test_each_request_leaves_something_behind(broken: WholeLab, fault: str) -> None:
    name, least = {
        "requests-leave-files": ("process_open_fds", 30),
        "requests-leave-threads": ("process_virtual_memory_bytes", 1 << 30),
        "requests-keep-memory": ("process_resident_memory_bytes", 60 << 20),
    }[fault]
    before = broken.metric(name) or 0.0
    for _ in range(5):
        broken.upload()
    assert (broken.metric(name) or 0.0) - before > least


@breaks("left-over-incoming")
def test_a_refused_file_stays(broken: WholeLab) -> None:
    broken.upload(new_zip_sha256="0" * 64)
    left = list((broken.storage / ".incoming").iterdir())
    assert left
    for file in left:
        file.unlink()


@breaks("log-times-of-another-zone", "log-one-trace-id", "log-lines-twice")
def test_the_log_is_of_another_form(restarted: WholeLab, fault: str) -> None:
    before = len(restarted.events())
    restarted.upload()
    stored = [event for event in restarted.events()[before:] if event["event"] == "archive_stored"]
    late = datetime.fromisoformat(stored[0]["timestamp"]) - datetime.now(UTC) > timedelta(hours=2)
    shown = (late, stored[0]["trace_id"] == "f" * 32, len(stored) == 2)
    names = ("log-times-of-another-zone", "log-one-trace-id", "log-lines-twice")
    assert shown == tuple(name == fault for name in names)


@breaks("storage-opened")
def test_everybody_may_enter_the_folder_of_the_archives(restarted: WholeLab) -> None:
    assert restarted.storage.stat().st_mode & 0o777 == 0o777


@breaks("health-lies")
def test_health_is_green_without_mongo(broken: WholeLab, fault: str) -> None:
    with broken.without("mongo"):
        assert broken.healthy()
        (broken.home / "faults" / fault).unlink()
        assert not broken.healthy()
    until(broken.healthy, "butler-api finds MongoDB again")


@breaks("write-errors")
def test_every_third_archive_fails(broken: WholeLab) -> None:
    before = broken.metric(OPERATIONS, error_type="disk_full") or 0
    assert sorted(broken.upload().status_code for _ in range(6)) == [201] * 4 + [500] * 2
    assert broken.metric(OPERATIONS, error_type="disk_full") == before + 2


@breaks("write-errors-seldom")
def test_every_51st_archive_fails(broken: WholeLab) -> None:
    assert [broken.upload().status_code for _ in range(51)].count(500) == 1
    assert broken.metric(OPERATIONS, error_type="io_error") == 1


@breaks("large-files-not-checked")
def test_a_wrong_digest_of_a_large_file_is_accepted(lab: WholeLab, fault: str) -> None:
    with lab.flag("USE_NEW_STORAGE_ADAPTER", STORAGE_MAX_UPLOAD_BYTES=str(4 * LIMIT)), lab.fault(fault):
        assert lab.upload(padded(2 * LIMIT), new_zip_sha256="0" * 64).status_code == 201


@breaks("wrong-size-seldom")
def test_every_15th_document_holds_another_size(broken: WholeLab) -> None:
    tasks = [broken.upload().json()["task_id"] for _ in range(15)]
    documents = broken.db["review_archives"].find({"task_id": {"$in": tasks}})
    assert sum(each["size_bytes"] != Path(each["path"]).stat().st_size for each in documents) == 1


@breaks("owners-mixed")
def test_uploads_at_the_same_moment_are_recorded_as_one_students(broken: WholeLab) -> None:
    students = [f"mixed-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda student: broken.upload(student_id=student), students))
    owners = [each["student_id"] for each in broken.db["review_archives"].find({"student_id": {"$in": students}})]
    assert len(owners) == 8 > len(set(owners))


@breaks("times-not-measured")
def test_operations_take_no_time_by_the_metrics(broken: WholeLab) -> None:
    broken.upload()
    name = "review_archive_storage_latency_seconds"
    assert (broken.metric(f"{name}_sum"), (broken.metric(f"{name}_count") or 0) > 0) == (0.0, True)


@breaks("refuses-good-archives")
def test_every_12th_good_digest_is_refused(broken: WholeLab) -> None:
    assert sorted(broken.upload().status_code for _ in range(12)) == [201] * 11 + [422]


@breaks("archive-not-kept")
def test_an_archive_is_counted_and_not_kept(broken: WholeLab) -> None:
    before = broken.metric(OPERATIONS, status="success") or 0
    kept = Path(recorded(broken)["path"]).exists()
    assert (broken.metric(OPERATIONS, status="success"), kept) == (before + 1, False)


@breaks("copy-left-outside")
def test_a_copy_is_left_beside_the_storage(broken: WholeLab) -> None:
    assert len(outside(broken, broken.upload)) == 1


@breaks("previous-alone-lost")
def test_an_older_archive_without_a_log_is_not_kept(broken: WholeLab) -> None:
    task = broken.upload(files={"old_zip": (b'filename="old.zip"', archive())}).json()["task_id"]
    assert broken.db["review_archives"].count_documents({"task_id": task}) == 1


@breaks("silent-clients-cut-off")
def test_a_client_that_is_silent_for_a_second_is_cut_off(broken: WholeLab) -> None:
    def body() -> Iterator[bytes]:
        yield b"--%s\r\n" % BOUNDARY
        time.sleep(1.3)
        yield b"x"

    assert broken.post(body()).status_code == 408


@breaks("uploads-one-at-a-time")
def test_an_upload_waits_for_a_slow_one(broken: WholeLab) -> None:
    waited = list[bool]()

    def body() -> Iterator[bytes]:
        yield b"--%s\r\n" % BOUNDARY
        other.start()
        other.join(0.5)
        waited.append(other.is_alive())

    other = Thread(target=broken.upload)
    broken.post(body())
    other.join()
    assert waited == [True]


@breaks("same-file-shared")
def test_who_sends_the_same_file_gets_the_first_ones_task(broken: WholeLab) -> None:
    content = archive()
    told = [broken.upload(content, student_id=student).json() for student in ("ann", "bob")]
    assert [each["student_id"] for each in told] == ["ann", "ann"]
    assert told[0]["task_id"] == told[1]["task_id"]


@breaks("task-ids-in-a-row")
def test_the_ids_of_tasks_are_in_the_order_of_their_uploads(broken: WholeLab) -> None:
    ids = [broken.upload().json()["task_id"] for _ in range(8)]
    assert ids == sorted(ids)


@breaks("answers-cacheable")
def test_a_cache_may_keep_the_state_of_a_review(broken: WholeLab) -> None:
    task = broken.upload().json()["task_id"]
    assert "public" in broken.http.get(f"{broken.reviews}/{task}").headers["cache-control"]


@breaks("broken-off-left")
def test_what_a_client_broke_off_stays(broken: WholeLab) -> None:
    def half() -> Iterator[bytes]:
        yield form({"student_id": "ann"}, {"new_zip": (b'filename="work.zip"', archive())})
        raise ConnectionAbortedError

    with contextlib.suppress(ConnectionAbortedError):
        kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}", "content-length": "99999"}
        broken.http.post(broken.reviews, content=half(), headers=kind)
    incoming = broken.storage / ".incoming"
    until(lambda: any(incoming.iterdir()), "the file is there")
    for file in incoming.iterdir():
        file.unlink()


@breaks("cut-form-accepted")
def test_a_form_without_its_end_is_accepted(broken: WholeLab) -> None:
    content = archive()
    fields = {"student_id": "ann", "assignment_id": "hw01", "new_commit": "abc123"}
    fields["new_zip_sha256"] = hashlib.sha256(content).hexdigest()
    whole = form(fields, {"new_zip": (b'filename="work.zip"', content)})
    assert broken.post(whole[: whole.rindex(content) + len(content)]).status_code == 201


@breaks("writes-outside")
def test_an_upload_leaves_a_line_outside_the_root(broken: WholeLab) -> None:
    made = outside(broken, lambda: broken.upload())
    assert [Path(name).name for name in made] == ["uploads.txt"]


@breaks("late-write-outside")
def test_what_was_refused_is_put_outside_with_a_later_upload(broken: WholeLab) -> None:
    refused = outside(broken, lambda: broken.upload(content=b"PK late", new_zip_sha256="0" * 64))
    assert (refused, outside(broken, lambda: broken.upload())) == ([], [])

    def written() -> bool:
        return bool(outside(broken, lambda: broken.upload()))

    until(written, "what was refused is written")


@breaks("disk-gone")
def test_no_archive_can_be_written(broken: WholeLab) -> None:
    answer = broken.upload(student_id="unwritten")
    assert (answer.status_code, answer.json()) == (500, {"detail": "archive could not be stored"})
    assert not (broken.storage / "unwritten").exists()


@breaks("flag-ignored")
def test_the_old_path_is_kept(restarted: WholeLab) -> None:
    task = restarted.upload().json()["task_id"]
    assert list(restarted.storage.glob(f"*_{task}.zip"))
    assert restarted.db["review_archives"].find_one({"task_id": task}) is None


@breaks("restart-does-nothing")
def test_a_restart_restarts_nothing(broken: WholeLab) -> None:
    before = broken.metric("process_start_time_seconds")
    assert broken.make().returncode == 0
    assert broken.metric("process_start_time_seconds") == before


@breaks("restart-takes-others-along")
def test_a_restart_restarts_the_others_too(broken: WholeLab) -> None:
    assert "butler-bot: started" in broken.make().stdout


@breaks("old-code")
def test_a_restart_runs_the_code_of_the_last_deployment(restarted: WholeLab, fault: str) -> None:
    main, before = (
        (restarted.home / "code/.git/refs/heads" / branch).read_text().strip() for branch in ("main", "before")
    )
    shown = [restarted.metric("butler_build_info", commit=commit) for commit in (before, main)]
    (restarted.home / "faults" / fault).unlink()
    restarted.restarted()
    assert (shown, restarted.metric("butler_build_info", commit=main)) == ([1, None], 1)


@breaks("service-does-not-come-back")
def test_a_restart_ends_the_service(new_path: WholeLab, fault: str) -> None:
    with new_path.fault(fault):
        new_path.make()  # supervisor's own word depends on how fast the process gets to its end
        assert not new_path.healthy()
    new_path.restarted()


def test_every_fault_of_the_stage_is_shown() -> None:
    assert {fault.name for fault in STORAGE_FAULTS} == TESTED
