"""Stage 21_01c, gradual rollout: the new adapter."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from acceptance.disk import sha256_of
from acceptance.finding import Finding, summary
from acceptance.observe.moments import moment
from acceptance.observe.still_stored import lost_documents
from acceptance.observe.store import Document
from acceptance.probes.archives.archives import good
from acceptance.probes.http.client import brief
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.odd_requests import odd_findings
from acceptance.probes.reviews.changed import changed, guessable
from acceptance.probes.reviews.result import Review
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.kept_archives import KeptArchives
from acceptance.probes.storage.oracle import Submission, findings_of_all
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload
from acceptance.verdict import NotApplicable
from fixtures.given import (
    ODD_REQUESTS,
    STORED,
    Answers,
    Before,
    Clients,
    FlagState,
    NewId,
    StageWork,
    Storage,
    Store,
    Uploader,
)

from .conftest import LEFT_OUTSIDE, OTHER_NAMES, REVIEWS, SLOW_LINE, TASK, Answered, OtherNames, SlowLine

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_on")]

AT_ONCE = 8
LEFT_OUT = ((), ("old_zip",), ("logs_zip",), ("old_zip", "logs_zip"))


@pytest.fixture(scope="module")
def uploaded(uploader: Uploader, kept: KeptArchives, new_id: NewId) -> tuple[Upload, Exchange]:
    """One good upload with the new adapter, to be read again later: the upload and its answer."""
    upload = Upload(new_id("on"), "hw02", good())
    answer = uploader.send(upload)
    kept.keep(upload.archive)
    return upload, answer


@pytest.fixture
def at_once(uploader: Uploader, new_id: NewId) -> list[Answered]:
    """Submissions of several students at the same moment, two of each, with all files and with fewer; their answers."""
    students = [new_id(f"At-once-{n}") for n in range(AT_ONCE // 2)]
    works = [(student, assignment) for student in students for assignment in ("hw02", "hw03")]
    whole = [Submission.of(*work, good(), good(), good()) for work in works]
    submissions = [each.without(*LEFT_OUT[n % len(LEFT_OUT)]) for n, each in enumerate(whole)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: uploader.read(uploader.send(each.upload())), submissions))
    return list(zip(submissions, answers, strict=True))


@pytest.fixture
def same_file(uploader: Uploader, new_id: NewId) -> list[Answered]:
    """Submissions of students who send the same file, and their answers: of up to four processes one is asked twice."""
    archive = good()
    submissions = [Submission.of_one(new_id(f"Same-{n}"), "hw02", archive) for n in range(5)]
    return [(each, uploader.read(uploader.send(each.upload()))) for each in submissions]


@pytest.fixture
def document(uploaded: tuple[Upload, Exchange], mongo: Store) -> Document:
    """The `review_archives` document of that upload; empty when there is none."""
    upload, _ = uploaded
    found = mongo["review_archives"].find_one({"student_id": upload.student_id, "assignment_id": "hw02"})
    return found or {}


@pytest.mark.checklist("21_01c.rollout.2")
def test_flag_change_restarted_the_service(flag_on: FlagState) -> None:
    """Enable feature flag: the process that runs now started after the change."""
    restarted = flag_on.switched()
    assert restarted, "the flag was on already: nothing was switched"
    assert restarted.proved, f"expected a process that started after the change, found {restarted}"


@pytest.mark.checklist("21_01c.rollout.2", "21_01c.rollout.3")
def test_new_path_is_at_work(uploaded: tuple[Upload, Exchange], stage_work: StageWork) -> None:
    """Enable feature flag: what only the new adapter does is seen after an upload, so the flag is really read."""
    assert stage_work.new_path.appears(), (
        f"the flag has no effect: expected {stage_work.new_path} after an upload, found nothing; "
        f"the upload: {uploaded[1].explain()}"
    )


@pytest.mark.checklist("21_01c.rollout.3")
def test_file_is_saved(uploaded: tuple[Upload, Exchange], storage: Storage) -> None:
    """Smoke test with flag on, 1: the file is saved with the same SHA-256."""
    upload, answer = uploaded
    digests = [sha256_of(path) for path in copies_of(upload.archive, storage.root)]
    assert (answer.status, digests) == (201, [upload.archive.sha256]), (
        f"expected 201 and one file with this SHA-256, found {answer.status} and {len(digests)}\n{answer.explain()}"
    )


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.rollout.3")
def test_checksum_is_recorded(uploaded: tuple[Upload, Exchange], document: Document, mongo: Store) -> None:
    """Smoke test with flag on, 2: the recorded checksum matches the calculated one."""
    upload, answer = uploaded
    recorded = document.get("sha256", f"no document for {upload.student_id!r} in {mongo['review_archives'].name}")
    assert recorded == upload.archive.sha256, f"expected {upload.archive.sha256}, found {recorded}\n{answer.explain()}"


@pytest.mark.checklist("21_01c.rollout.3")
def test_metadata_is_persisted(uploaded: tuple[Upload, Exchange], document: Document) -> None:
    """Smoke test with flag on, 3: size and upload time are there."""
    upload, _ = uploaded
    assert document.get("size_bytes") == upload.archive.size, f"expected {upload.archive.size} bytes, found {document}"
    at = moment(document.get("uploaded_at"))
    assert at, f"expected uploaded_at to be a time, found {document}"
    assert timedelta(seconds=-5) < datetime.now(UTC) - at < timedelta(minutes=5), f"uploaded at {at}: {document}"


@pytest.mark.checklist("21_01c.rollout.3")
def test_answer_is_what_was_sent(submitted: Answered) -> None:
    """Smoke test with flag on: the answer to a submission of several files names its student, assignment and task."""
    submission, answer = submitted
    found = submission.answer_findings(answer, 201, datetime.now(UTC))
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.3")
def test_task_can_be_asked_for(submitted: Answered, clients: Clients, other_names: OtherNames, before: Before) -> None:
    """Smoke test with flag on: the task of a submission is answered under its id, and under nothing that is like it."""
    submission, answer = submitted
    later = clients.caller("api").get(f"{REVIEWS_PATH}/{answer.get('task_id')}")
    found = submission.answer_findings(later, 200, datetime.now(UTC))
    assert (found, later.get("task_id")) == ([], answer.get("task_id")), summary(found)
    names = sorted({*other_names(answer.get("task_id"))} - {*before.all(OTHER_NAMES)})
    assert names == [], f"expected a task told by its id alone, found it told by {names}: others' tasks can be found"


@pytest.mark.checklist("21_01c.rollout.3")
def test_each_file_is_stored_once(submitted: Answered, storage: Storage, before: Before) -> None:
    """Smoke test with flag on, 1: each file of a submission is stored, byte for byte, once, and not elsewhere too."""
    found, left = submitted[0].file_findings(storage.root), submitted[0].left_outside(storage)
    assert found == [], summary(found)
    most = len(before.all(LEFT_OUTSIDE))
    assert len(left) <= most, f"expected {most} copies outside {storage.root}, as with the flag off, found {left}"


@pytest.mark.checksum
@pytest.mark.checklist("21_01c.rollout.3")
def test_documents_say_all_that_was_sent(submitted: Answered, mongo: Store, storage: Storage) -> None:
    """Smoke test with flag on, 2 and 3: one document for each file, each field of it right, and no other document."""
    submission, answer = submitted
    whose = {"student_id": submission.student_id}
    documents = list(mongo["review_archives"].find(whose))
    found = submission.document_findings(documents, answer.get("task_id"), storage.root)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.3")
def test_task_of_the_old_path_is_still_known(clients: Clients, before: Before, mongo: Store) -> None:
    """Smoke test with flag on: a task that was made with the flag off is answered as it was then; no other is lost."""
    lost = lost_documents(mongo, before.of(STORED)[0])
    task = before.of(TASK)[0]
    later = clients.caller("api").get(f"{REVIEWS_PATH}/{task['task_id']}")
    same = ("task_id", "student_id", "assignment_id", "created_at")
    found = {name: later.get(name) for name in same}
    kept = {name: task.get(name) for name in same}
    assert (found, lost) == (kept, []), summary(lost) if lost else later.exchange.explain()


@pytest.mark.checklist("21_01c.rollout.3")
def test_work_is_reviewed_as_with_the_flag_off(several: list[Review], before: Before) -> None:
    """Smoke test with flag on: what the new adapter keeps is reviewed as before, its log with it."""
    # The second one of its student may be refused: how many may be sent is left open.
    compared = several[:-1] if several[-1].limited else several
    found = [each for review in compared for each in changed(before.of(REVIEWS), review)]
    found += guessable(before.of(REVIEWS), several)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.3")
def test_uploads_at_once_are_not_mixed_up(at_once: list[Answered], mongo: Store, storage: Storage) -> None:
    """Smoke test with flag on: of uploads at the same moment, each is answered, stored and recorded as its own."""
    found = [
        *(
            each
            for submission, answer in at_once
            for each in submission.answer_findings(answer, 201, datetime.now(UTC))
        ),
        *(each for submission, _ in at_once for each in submission.file_findings(storage.root)),
        *findings_of_all([(sent, str(answer.get("task_id"))) for sent, answer in at_once], mongo, storage.root),
    ]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.3")
def test_upload_over_a_slow_line_is_taken(
    slow_line: SlowLine, try_slow_line: Callable[[], SlowLine], before: Before, storage: Storage, mongo: Store
) -> None:
    """Smoke test with flag on: a client that is silent for some seconds is served, and holds up no other, as before."""
    submission, answer, [old] = slow_line.submission, slow_line.answer, before.of(SLOW_LINE)
    if old.answer.exchange.status != httpx.codes.CREATED:
        raise NotApplicable(f"such a client is not served here: {brief(old.answer.exchange)}")
    found = submission.answer_findings(answer, httpx.codes.CREATED, datetime.now(UTC)) or [
        *submission.file_findings(storage.root),
        *findings_of_all([(submission, str(answer.get("task_id")))], mongo, storage.root),
    ]
    if not old.held_up and slow_line.held_up and (again := try_slow_line()).held_up:  # once may be a busy machine
        expected = f"an upload beside it answered, as after {old.beside_s:.1f} s with the flag off"
        found.append(Finding("held up", f"upload of {submission.student_id}", expected, f"{again.beside_s:.1f} s"))
    assert found == [], f"{summary(found)}, as with the flag off"


@pytest.mark.checklist("21_01c.rollout.3")
def test_same_file_of_two_students_is_each_ones_own(same_file: list[Answered], mongo: Store, storage: Storage) -> None:
    """Smoke test with flag on: who sends the file that another sent has a task and a document of his own."""
    found = [
        *(each for sent, answer in same_file for each in sent.answer_findings(answer, 201, datetime.now(UTC))),
        *findings_of_all([(sent, str(answer.get("task_id"))) for sent, answer in same_file], mongo, storage.root),
    ]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.3")
def test_odd_requests_are_refused_as_with_the_flag_off(odd_on: Answers, before: Before) -> None:
    """Smoke test with flag on: what no service can serve is refused as before."""
    found = odd_findings(odd_on, before.of(ODD_REQUESTS)[0])
    assert found == [], summary(found)
