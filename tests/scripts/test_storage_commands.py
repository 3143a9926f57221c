"""The commands of stage 21_01c on a real lab: 0 when the expectation holds, 1 when not, 2 when it cannot be seen."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import FLAG, children, left_of_tests, run, start, switched_on
from held_lab import broken, retold
from power.stage_run import left_over

from acceptance.conduct.client import RemoteConductor
from acceptance.conduct.run import new_run
from acceptance.conduct.watchdog_start import start_watchdog
from acceptance.observe.mongo import database
from acceptance.polling import poll
from acceptance.target.loading import load_target
from acceptance.target.model import Target

UPLOAD = "test_review_upload.py --student-id test_user --assignment-id"
REVIEW = "test_homework_flow.py --student-id {} --request-review"
CHECKSUM = "check_archive_checksum.py --assignment"
METADATA = "check_archive_metadata.py --assignment"
ATTACKS = ("test_corrupted_archive.py", "test_path_traversal.py", "test_oversized_archive.py --size 150MB")


@pytest.fixture(scope="module")
def target(held_target: Path) -> Target:
    """The lab, for looking at what the commands did."""
    return load_target(held_target)


@pytest.fixture(scope="module")
def new_path(target: Target) -> Iterator[Path]:
    """The target file of the lab with the new adapter in use."""
    with switched_on(target):
        yield target.source


@pytest.fixture
def archive(new_path: Path, target: Target, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The document of an archive that a command has just uploaded, under an assignment of the test's own."""
    assignment = f"hw-{abs(hash(request.node.name)) % 10**9}"
    assert run(f"{UPLOAD} {assignment}", new_path)[0] == 0
    with database(target) as mongo:
        document = mongo["review_archives"].find_one({"assignment_id": assignment})
    assert document
    return document


def change(target: Target, document: dict[str, Any], **fields: Any) -> None:
    """Change a document behind the service's back."""
    with database(target) as mongo:  # the lab's server makes a text of a date that is given to $set
        mongo["review_archives"].replace_one({"_id": document["_id"]}, document | fields)


def test_upload_with_the_flag_off_is_found_in_the_old_place(held_target: Path, target: Target) -> None:
    (code, said), (_, again) = (run(f"{UPLOAD} hw01", held_target) for _ in range(2))
    assert (code, "it stays until the next run, or: " in said) == (0, True), said
    students = re.findall("PASS: (ops[0-9a-f]{8}-test_user)/hw01: ", said + again)
    stored = [path for path in target.storage.legacy_root.iterdir() for each in students if each in path.name]
    assert len({*students}) == len(stored) == 2, (students, stored)  # nobody's archive is overwritten
    assert run("recover.py", held_target)[0] == 0
    assert left_of_tests(target) == []


def test_upload_stays_and_its_records_are_right(new_path: Path) -> None:
    codes = [run(line, new_path) for line in (f"{UPLOAD} hw02", f"{CHECKSUM} hw02", f"{METADATA} hw02")]
    assert [code for code, _ in codes] == [0, 0, 0], codes
    assert "it stays until the next run, or: " in codes[0][1]


def test_machines_get_json(new_path: Path, archive: dict[str, Any]) -> None:
    code, said = run(f"{CHECKSUM} {archive['assignment_id']} --json", new_path)
    answer = json.loads(said)
    assert (code, answer["verdict"], answer["facts"]["document"]["sha256"]) == (0, "PASS", archive["sha256"])


def test_upload_that_is_lost_fails(new_path: Path) -> None:
    with broken(new_path, "errors-not-raised"):
        code, said = run(f"{UPLOAD} hw02", new_path)
    assert (code, "expected 201 and one copy on disk" in said) == (1, True), said


def test_archive_without_a_document_fails(new_path: Path) -> None:
    code, said = run(f"{CHECKSUM} hw-nobody", new_path)
    assert (code, "expected a document for assignment hw-nobody" in said) == (1, True), said


@pytest.mark.parametrize("command", [CHECKSUM, METADATA])
def test_changed_file_fails(command: str, new_path: Path, archive: dict[str, Any]) -> None:
    path = Path(archive["path"])
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    code, said = run(f"{command} {archive['assignment_id']}", new_path)
    assert (code, archive["sha256"] in said, str(path) in said) == (1, True, True), said


@pytest.mark.parametrize("command", [CHECKSUM, METADATA])
def test_missing_file_fails(command: str, new_path: Path, archive: dict[str, Any]) -> None:
    Path(archive["path"]).unlink()
    code, said = run(f"{command} {archive['assignment_id']}", new_path)
    assert (code, f"expected the file {archive['path']}, found none" in said) == (1, True), said


@pytest.mark.parametrize(
    ("field", "value"), [("size_bytes", 1), ("size_bytes", None), ("sha256", "abc"), ("uploaded_at", None)]
)
def test_metadata_that_make_no_sense_fail(
    field: str, value: object, new_path: Path, target: Target, archive: dict[str, Any]
) -> None:
    change(target, archive, **{field: value})
    code, said = run(f"{METADATA} {archive['assignment_id']}", new_path)
    assert (code, f"expected {field}: " in said) == (1, True), said


def test_upload_time_in_another_time_zone_fails(new_path: Path, target: Target, archive: dict[str, Any]) -> None:
    change(target, archive, uploaded_at=archive["uploaded_at"] - timedelta(hours=1))
    code, said = run(f"{METADATA} {archive['assignment_id']}", new_path)
    assert (code, "expected uploaded_at: about" in said) == (1, True), said


def test_recorded_path_outside_the_storage_fails(new_path: Path, target: Target, archive: dict[str, Any]) -> None:
    change(target, archive, path="/etc/hostname")
    code, said = run(f"{CHECKSUM} {archive['assignment_id']}", new_path)
    assert (code, "expected path: a place below" in said) == (1, True), said


def test_validation_finds_the_one_broken_archive(new_path: Path, target: Target, archive: dict[str, Any]) -> None:
    with database(target) as mongo:
        mongo["review_archives"].delete_many({"_id": {"$ne": archive["_id"]}})
    good = run("validate_archive_checksums.py --recent 1h", new_path)
    Path(archive["path"]).write_bytes(b"damaged")
    bad = run("validate_archive_checksums.py --recent 1h", new_path)
    with database(target) as mongo:
        mongo["review_archives"].delete_many({})
    none = run("validate_archive_checksums.py --recent 1h", new_path)
    assert [code for code, _ in (good, bad, none)] == [0, 1, 2], (good, bad, none)
    assert ("1 of 1 archives" in good[1], archive["task_id"] in bad[1], "nothing to validate" in none[1]) == (True,) * 3


@pytest.mark.parametrize("command", ATTACKS)
def test_sound_service_passes_and_nothing_is_left(command: str, new_path: Path, target: Target) -> None:
    code, said = run(command, new_path)
    assert (code, said[:6], said.count("\n")) == (0, "PASS: ", 1), said
    assert left_of_tests(target) == []


@pytest.mark.parametrize(
    ("command", "fault", "found"),
    [
        (ATTACKS[0], "checksum-not-enforced", "one bit flipped at the start: expected 400 or 422"),
        (ATTACKS[0], "event-missing", "expected the log event checksum_failed"),
        (ATTACKS[1], "answer-400-after-write", "wrote outside the storage root"),
        (ATTACKS[2], "limit-missing", "expected 413"),
    ],
)
def test_faulty_service_fails_and_nothing_is_left(
    command: str, fault: str, found: str, new_path: Path, target: Target
) -> None:
    with broken(new_path, fault):
        code, said = run(command, new_path)
    assert (code, found in said) == (1, True), said[:3000]
    assert left_of_tests(target) == []


def test_service_that_refuses_everything_does_not_pass(new_path: Path) -> None:
    with broken(new_path, "disk-gone"):
        code, said = run(ATTACKS[0], new_path)
    assert (code, "a refusal proves nothing" in said) == (2, True), said


def test_killed_command_leaves_nothing(new_path: Path, target: Target) -> None:
    process = start("test_path_traversal.py", new_path)
    # An upload of a test before stays until the command's own watchdog removes it: that is not the begin.
    assert poll(lambda: "attacker" in str(left_of_tests(target)), bool, 120), "the command did not begin"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert poll(lambda: left_of_tests(target), lambda left: not left, 120) == []
    # What is gone is settled in the journal a moment later: until then the command's watchdog still writes there.
    assert poll(lambda: left_over(new_path), lambda left: len(left) == 1, 30) == [f"{FLAG} is on"]


def test_escapes_of_a_command_that_was_killed_with_its_watchdog_are_swept_by_recovery(
    new_path: Path, target: Target
) -> None:
    """An accepted attack may write anywhere; nobody who could tell is left but the journal."""

    def escaped() -> list[Path]:
        storage = target.storage
        found = (path for folder in storage.watch_dirs for path in folder.rglob("*ops????????-c*"))
        return [path for path in found if storage.root not in path.parents]

    def escaped_and_answered() -> bool:
        """Recovery waits a minute for what is under way, and the command some seconds for the log once nothing is."""
        return bool(escaped()) and not any(target.journal_dir.glob("request.*"))

    few = retold(new_path, "few", ATTACKS="'student_id new_zip.filename'")
    with broken(new_path, "traversal-student-id", "traversal-file-name"):
        process = start("test_path_traversal.py", few)
        assert poll(escaped_and_answered, bool, 120), f"nothing is outside; the command ended with {process.poll()}"
        (watchdog,) = children(process.pid)
        for pid in (watchdog, process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
        assert escaped()
        _, said = run("recover.py", new_path)  # which also tells of the flag that the test has set
        _, again = run("recover.py", new_path)
    assert ("left by attacks" in said, "could not be undone" in again) == (True, False), f"{said}\n{again}"
    assert (escaped(), left_of_tests(target)) == ([], [])


@pytest.mark.parametrize(
    "command",
    [*ATTACKS, f"{UPLOAD} hw02", REVIEW.format("test_user"), "rollback_drill.py --stage 21_01c --environment lab"],
)
def test_refuses_where_mutations_are_not_allowed(command: str, held_target: Path, target: Target) -> None:
    closed = retold(held_target, "closed", ALLOW_MUTATIONS="false")
    journal = target.journal_file
    before = journal.read_bytes() if journal.exists() else b""
    code, said = run(command, closed)
    assert (code, "expected ALLOW_MUTATIONS=true" in said, str(closed) in said) == (2, True, True), said
    assert (journal.read_bytes() if journal.exists() else b"") == before


@pytest.mark.parametrize("command", [ATTACKS[0], f"{UPLOAD} hw02"])
def test_api_out_of_reach_is_not_judged(command: str, held_target: Path) -> None:
    deaf = retold(held_target, "deaf", API_URL="http://127.0.0.1:9")
    code, said = run(command, deaf)
    assert (code, "check API_URL" in said) == (2, True), said


@pytest.mark.parametrize(
    "command", [f"{CHECKSUM} hw02", f"{METADATA} hw02", "validate_archive_checksums.py --recent 1h"]
)
def test_database_out_of_reach_is_not_judged(command: str, held_target: Path) -> None:
    blind = retold(held_target, "blind", MONGODB_URL="mongodb://127.0.0.1:9/", HTTP_TIMEOUT_SECONDS="1")
    code, said = run(command, blind)
    assert (code, "check MONGODB_URL of " in said) == (2, True), said


def test_attack_waits_for_a_run_that_holds_the_target(target: Target, tmp_path: Path) -> None:
    facts = {"mode": "rehearse", "operator": "somebody", "ticket": "", "outside_window": ""}
    held = new_run(target, tmp_path, tmp_path, **facts)
    watchdog = start_watchdog(held, tmp_path)
    conductor = RemoteConductor(held)
    try:
        code, said = run(ATTACKS[0], target.source)
    finally:
        conductor.finish("over")
        conductor.close()
        watchdog.wait()
    assert (code, "target in use" in said, "somebody" in said) == (2, True, True), said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("test_oversized_archive.py --size 50MB", "expected more than MAX_UPLOAD_BYTES=104857600"),
        ("test_oversized_archive.py --size much", "such as 150MB"),
        ("validate_archive_checksums.py --recent 1", "such as 30m, 1h or 2d"),
        ("test_review_upload.py --student-id test_user", "--assignment-id"),
        (REVIEW.format("ivanov"), "expected a student that HOMEWORK_STUDENT or SOAK_STUDENTS"),
    ],
)
def test_wrong_use_is_told(line: str, told: str, held_target: Path) -> None:
    code, said = run(line, held_target)
    assert (code, told in said) == (2, True), said


def test_numeric_deployment_wants_digits(held_target: Path) -> None:
    numeric = retold(held_target, "numeric", STUDENT_IDS="numeric")
    code, said = run(f"{UPLOAD} hw02", numeric)
    assert (code, "expected digits" in said) == (2, True), said


def test_without_a_target_none_is_guessed() -> None:
    code, said = run(f"{CHECKSUM} hw02", None)
    assert (code, "--target or OPS_TARGET" in said) == (2, True), said
