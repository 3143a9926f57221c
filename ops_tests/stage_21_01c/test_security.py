"""Stage 21_01c, security validation: a refusal is proved by its effect."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from acceptance.finding import Finding, summary
from acceptance.probes.archives import archives
from acceptance.probes.archives.archives import Archive
from acceptance.probes.attacks.access import Door, as_another, let_in
from acceptance.probes.attacks.attacks import Attacks
from acceptance.probes.attacks.leaks import leaks
from acceptance.probes.http.client import Called
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.oracle import Submission, findings_of_all
from acceptance.probes.storage.refused import RefusedUpload, RefusedUploads
from acceptance.probes.storage.rejection import ANY, left_of, try_upload
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import ServiceKey
from acceptance.target.redaction import known_secrets
from acceptance.verdict import NotApplicable
from fixtures.given import Clients, EvidenceBox, Logs, NewId, Run, StageWork, Storage, Store, Target, Uploader

from .conftest import DoorToATask, Refuse, Unaccepted

pytestmark = [pytest.mark.security, pytest.mark.usefixtures("flag_on")]

TAMPERED = {
    "tampered-start": lambda: archives.bit_flip(at="start"),
    "tampered-middle": lambda: archives.bit_flip(at="middle"),
    "tampered-end": lambda: archives.bit_flip(at="end"),
    "tampered-cut": lambda: archives.truncated(honest=False),
}
BROKEN = {
    "cut-in-half": archives.truncated,
    "flipped-middle": lambda: archives.bit_flip(at="middle", honest=True),
    "flipped-end": lambda: archives.bit_flip(at="end", honest=True),
    "empty": archives.empty,
    "text-named-zip": archives.text_named_zip,
    "program-named-zip": archives.exe_named_zip,
}
LARGE = 5 << 20
"""Bytes; what is done to small files may be left out for large ones."""
GONE_S = 40.0
"""Longest time that a service may wait for a client that went away."""
VIRUSES = {
    "eicar-in-zip": archives.eicar_zip,
    "eicar-bare": archives.eicar_bare,
    "eicar-in-large-zip": lambda: archives.eicar_zip(noise=LARGE),
}
AT_ONCE = 6
OTHER_FIELDS = ("old_zip", "logs_zip")
LONG_DIGITS = "9" * 21
"""What no 64 bits hold: the real service wrote the file, and answered 500."""
EXACT_DIGITS = 17
"""So many digits a number of JSON or JavaScript does not keep: it is rounded, and names another student."""
LONG = "1" * 24
"""What two ids may have in common before they differ: a column or a name that is cut makes one of both."""
SENT_AGAIN = 5
"""So often a student sends for the same assignment again: an adapter may keep the newest few alone."""
REQUIRED = ("student_id", "assignment_id", "new_commit", "new_zip")


def stored_findings(submission: Submission, answer: Called, mongo: Store, storage: Storage) -> list[Finding]:
    """Compare the answer, then the files and documents of one submission with what was sent."""
    return submission.answer_findings(answer, 201, datetime.now(UTC)) or [
        *submission.file_findings(storage.root),
        *findings_of_all([(submission, str(answer.get("task_id")))], mongo, storage.root),
    ]


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
@pytest.mark.parametrize("make", TAMPERED.values(), ids=TAMPERED)
def test_tampered_archive_is_refused(make: Callable[[], Archive], refuse: Refuse) -> None:
    """Test checksum rejection: a file changed after its digest was declared is refused and logged, for any reason."""
    found = refuse(make(), event=ANY)
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
@pytest.mark.parametrize("make", [archives.good, lambda: archives.of_exact_size(LARGE)], ids=["small", "large"])
def test_wrong_digest_of_a_good_archive_is_refused(make: Callable[[], Archive], refuse: Refuse) -> None:
    """Test checksum rejection: a good file with another file's digest is refused and logged."""
    found = refuse(make(), event="checksum_failed", declared_sha256=secrets.token_hex(32))
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
def test_missing_digest_is_refused_where_required(refuse: Refuse, digest_required: None) -> None:
    """Test checksum rejection: no digest where one is required is refused."""
    found = refuse(archives.good(), event=None, declared_sha256=None)
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_broken_archive_is_refused(make: Callable[[], Archive], refuse: Refuse) -> None:
    """Test checksum rejection: what is no sound archive is refused though its digest is right."""
    found = refuse(make(), event=None)
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
def test_upload_that_is_broken_off_leaves_nothing(
    uploader: Uploader, storage: Storage, stage_work: StageWork, new_id: NewId, refused_uploads: RefusedUploads
) -> None:
    """Test checksum rejection: of an upload whose client goes away nothing is kept, or they fill the disk."""
    student = new_id("gone")
    upload = Upload(student, "hw02", archives.broken_off(LARGE))
    with stage_work.synthetic.attacking(1), stage_work.breaking_http():
        found = left_of(uploader, upload, storage.root, GONE_S)
    # What comes later than that is seen where the refused uploads are.
    refused_uploads.uploads.append(RefusedUpload(student, upload.archive, None))
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
@pytest.mark.parametrize("field", OTHER_FIELDS)
def test_broken_archive_beside_a_good_one_is_refused(field: str, refuse: Refuse) -> None:
    """Test checksum rejection: each file of a submission is looked into, not the first alone."""
    found = refuse(archives.truncated(), event=None, field=field)
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
@pytest.mark.parametrize("field", REQUIRED)
def test_incomplete_submission_is_refused(field: str, refuse: Refuse) -> None:
    """Test checksum rejection: what lacks its student, assignment, commit or work is refused, and nothing is kept."""
    found = refuse(archives.good(), event=None, left_out=field)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.preflight.3")
@pytest.mark.parametrize("field", OTHER_FIELDS)
def test_virus_beside_a_good_archive_is_refused(field: str, refuse: Refuse, av_enabled: None) -> None:
    """AV scan hook: each file of a submission is scanned, not the first alone."""
    found = refuse(archives.eicar_zip(), event="av_scan_reject", status=422, field=field)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.preflight.3")
@pytest.mark.parametrize("make", VIRUSES.values(), ids=VIRUSES)
def test_virus_is_refused(make: Callable[[], Archive], refuse: Refuse, av_enabled: None) -> None:
    """AV scan hook: the test virus is refused, logged and counted."""
    found = refuse(make(), event="av_scan_reject", status=422)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.preflight.3")
def test_viruses_at_once_are_refused(refuse: Refuse, av_enabled: None) -> None:
    """AV scan hook: of uploads at the same moment each is scanned."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tries = pool.map(lambda _: refuse(archives.eicar_zip(), event="av_scan_reject", status=422), range(AT_ONCE))
    found = [each for tried in tries for each in tried]
    assert found == [], summary(found)


@pytest.mark.path_traversal
@pytest.mark.checklist("21_01c.security.2")
def test_attacks_are_blocked(attacks: Attacks, evidence: EvidenceBox) -> None:
    """Test path traversal blocking: nothing written outside, nothing overwritten, refused and logged."""
    evidence.add(attacks.as_evidence())
    found = attacks.findings()
    assert found == [], summary(found)


@pytest.mark.path_traversal
@pytest.mark.checklist("21_01c.security.2")
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(("_2", "3"), ("", "2_3")), (("", "3"), ("", "3")), (("", "hwX"), ("", "HWx")), ((LONG, "3"), (LONG + "2", "3"))],
    ids=["ids-equal-when-joined", "same-again", "ids-equal-but-for-case", "ids-equal-but-for-the-end"],
)
def test_another_archive_is_not_overwritten(
    theirs: tuple[str, str], ours: tuple[str, str], joint: str, uploader: Uploader, storage: Storage, new_id: NewId
) -> None:
    """Test path traversal blocking: ids that collide, joined or without their case, overwrite and drop nothing."""
    student, first = new_id("collide"), archives.good()
    later = [archives.good() for _ in range(SENT_AGAIN if theirs == ours else 1)]
    taken = uploader.send(Upload(student + theirs[0].replace("_", joint), theirs[1], first))
    if theirs[0] == LONG and taken.status != 201:
        raise NotApplicable(f"an id of {len(student + LONG)} characters is refused here: {taken.explain()}")
    answers = [uploader.send(Upload(student + ours[0], ours[1].replace("_", joint), each)) for each in later]
    copies = [len(copies_of(each, storage.root)) for each in (first, *later)]
    assert copies == [1, *(int(answer.accepted) for answer in answers)], (
        f"expected the first archive to be there still, and each later one that was accepted, found {copies[0]} "
        f"and {', '.join(map(str, copies[1:]))} of them\n{answers[-1].explain()}"
    )


@pytest.mark.checklist("21_01c.security.2")
def test_long_id_is_taken_or_refused(
    uploader: Uploader,
    storage: Storage,
    mongo: Store,
    api_logs: Logs,
    stage_work: StageWork,
    new_id: NewId,
    new_number: NewId,
) -> None:
    """Test path traversal blocking: an id longer than any number is taken as it is, or refused and nothing kept."""
    found: list[Finding] = []
    for student in (f"{new_id('long')}{LONG_DIGITS}", new_number("long").ljust(EXACT_DIGITS, "1")):
        submission = Submission.of_one(student, "hw02", archives.good())
        with stage_work.synthetic.attacking(1):
            tried = try_upload(uploader, submission.upload(), storage.root, api_logs, event=None)
        taken, answer = tried.exchange.status == 201, uploader.read(tried.exchange)
        found += stored_findings(submission, answer, mongo, storage) if taken else tried.findings(None)
    assert found == [], summary(found)


@pytest.mark.oversized_upload
@pytest.mark.checklist("21_01c.security.3")
@pytest.mark.parametrize("short_of_limit", [1, 0], ids=["one-byte-below", "exactly"])
def test_archive_up_to_the_limit_is_accepted(
    short_of_limit: int, uploader: Uploader, storage: Storage, mongo: Store, new_id: NewId
) -> None:
    """Test oversized file rejection: up to the limit is stored and recorded, or students lose their work."""
    archive = archives.of_exact_size(storage.max_upload_bytes - short_of_limit)
    submission = Submission.of_one(new_id("limit"), "hw02", archive)
    found = stored_findings(submission, uploader.read(uploader.send(submission.upload())), mongo, storage)
    assert found == [], summary(found)


@pytest.mark.oversized_upload
@pytest.mark.checklist("21_01c.security.3")
@pytest.mark.parametrize("chunked", [False, True], ids=["with-length", "chunked-without-length"])
@pytest.mark.parametrize("size", ["limit+1", "150MB"])
def test_oversized_archive_is_refused(size: str, chunked: bool, storage: Storage, refuse: Refuse) -> None:
    """Test oversized file rejection: refused with 413, early where a service says so, and nothing is kept."""
    archive = archives.of_exact_size(storage.max_upload_bytes + 1 if size == "limit+1" else 150_000_000)
    early = storage.max_upload_bytes // 2 if storage.refuses_by_length and size == "150MB" and not chunked else None
    found = refuse(archive, event="size_limit", status=413, chunked=chunked, sent_at_most=early)
    assert found == [], summary(found)


@pytest.mark.oversized_upload
@pytest.mark.checklist("21_01c.security.3")
@pytest.mark.parametrize("field", OTHER_FIELDS)
def test_oversized_archive_beside_a_good_one_is_refused(field: str, storage: Storage, refuse: Refuse) -> None:
    """Test oversized file rejection: each file of a submission has the limit, not the first alone."""
    archive = archives.of_exact_size(storage.max_upload_bytes + 1)
    found = refuse(archive, event="size_limit", status=413, field=field)
    assert found == [], summary(found)


@pytest.mark.oversized_upload
@pytest.mark.checklist("21_01c.security.3")
def test_lying_content_length_is_refused(storage: Storage, refuse: Refuse) -> None:
    """Test oversized file rejection: a length of 1,000 bytes does not smuggle in an oversized file."""
    archive = archives.of_exact_size(storage.max_upload_bytes + 1)
    found = refuse(archive, event=None, content_length=1000)
    assert found == [], summary(found)


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.security.1")
def test_checksum_failures_are_counted(checksum_failures: tuple[int, int, float]) -> None:
    """Test checksum rejection: the counter shows each refusal that this stage provoked, and no other."""
    least, counted, most = checksum_failures
    assert least <= counted <= most, (
        f"expected {least} to {most:g} failures counted since the flag was switched on, as many as we provoked, found "
        f"{counted}; a service that restarted by itself began at 0 again: see when its process started"
    )


@pytest.mark.checklist("21_01c.security.1")
def test_refused_uploads_are_not_recorded(
    refuse: Refuse, refused_uploads: RefusedUploads, mongo: Store, storage: Storage
) -> None:
    """Test checksum rejection: nothing is stored of what was refused, nor after the answer, and no review is queued."""
    refuse(archives.text_named_zip(), event=None)  # at least one, also when run alone
    found = refused_uploads.findings(mongo, storage.root)
    assert (len(refused_uploads.uploads) > 0, found) == (True, []), (
        summary(found) if found else "expected a refusal, found none"
    )


@pytest.mark.checklist("trigger.4")
def test_strangers_are_turned_away(doors: list[Door], unaccepted: Unaccepted) -> None:
    """Security incident (unauthorized access): no service serves a call without a login, or with a wrong one."""
    found = unaccepted(let_in(doors))
    assert found == [], summary(found)


@pytest.mark.checklist("trigger.4")
def test_task_is_told_to_its_student_alone(door_to_a_task: DoorToATask, target: Target, unaccepted: Unaccepted) -> None:
    """Security incident (unauthorized access): another student's login does not read a student's task."""
    own = door_to_a_task(target.services["api"].headers)
    others = door_to_a_task(target.other_headers) if target.other_login else None
    found = unaccepted(as_another(own, others))
    assert found == [], summary(found)


@pytest.mark.checklist("trigger.4")
@pytest.mark.parametrize("key", ["bot", "worker", "api"])
def test_no_secret_is_shown(key: ServiceKey, clients: Clients, run: Run, target: Target) -> None:
    """Security incident (unauthorized access): no secret stands in /config, in an error answer or in the log."""
    name = target.services[key].name
    found = leaks(clients.caller(key), clients.logs(key), name, run.started, known_secrets(target))
    assert found == [], summary(found)
