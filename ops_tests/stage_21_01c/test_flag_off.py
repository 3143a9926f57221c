"""Stage 21_01c, gradual rollout: the old behaviour still works."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from acceptance.finding import summary
from acceptance.observe.still_stored import all_stored
from acceptance.probes.archives.archives import good
from acceptance.probes.odd_requests import odd_findings
from acceptance.probes.reviews.result import Review
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.kept_archives import KeptArchives
from acceptance.probes.storage.oracle import Submission
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload
from acceptance.probes.traffic import Probe
from fixtures.given import STORED, Answers, Before, Clients, NewId, StageWork, Storage, Store, Uploader

from .conftest import LEFT_OUTSIDE, OTHER_NAMES, REVIEWS, SLOW_LINE, TASK, Answered, OtherNames, SlowLine

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_off")]


@pytest.fixture(scope="module")
def submitted(uploader: Uploader, new_id: NewId) -> Answered:
    """One submission with all the files that a student may send, and its answer."""
    submission = Submission.of(new_id("Files-off"), "hw01", good(), good(), good())
    return submission, uploader.read(uploader.send(submission.upload()))


@pytest.mark.checklist("21_01c.rollout.1")
def test_upload_lands_in_the_old_place(uploader: Uploader, storage: Storage, kept: KeptArchives, new_id: NewId) -> None:
    """Validate with flag off: the file is in the old location, byte for byte."""
    archive = good()
    answer = uploader.send(Upload(new_id("off"), "hw01", archive))
    kept.keep(archive, storage.legacy_root)
    copies = copies_of(archive, storage.legacy_root)
    assert (answer.status, len(copies)) == (201, 1), (
        f"expected 201 and one copy below {storage.legacy_root}, found {answer.status} and {copies}\n{answer.explain()}"
    )


@pytest.mark.checklist("21_01c.rollout.1")
def test_new_path_is_not_at_work(stage_work: StageWork) -> None:
    """Validate with flag off: after these uploads nothing shows the new adapter."""
    seen = stage_work.new_path.after_use()
    assert seen == set(), (
        f"expected no sign of {stage_work.new_path} with the flag off, found {sorted(seen)}: the new code is at work"
    )


@pytest.mark.checklist("21_01c.rollout.1", "trigger.2")
def test_requests_are_answered_and_timed(times_off: Sequence[Probe]) -> None:
    """Validate with flag off: requests are answered, and their times are the baseline of this run."""
    faults = [probe.fault for probe in times_off if probe.fault]
    assert (len(times_off) > 0, faults) == (True, []), f"{len(faults)} of {len(times_off)} failed: {faults[:3]}"


@pytest.mark.checklist("21_01c.rollout.1")
def test_task_can_be_asked_for(
    submitted: Answered, clients: Clients, other_names: OtherNames, before: Before, mongo: Store
) -> None:
    """Validate with flag off: a submission, and its task under its id, are answered with what was sent."""
    submission, answer = submitted
    later, now = clients.caller("api").get(f"{REVIEWS_PATH}/{answer.get('task_id')}"), datetime.now(UTC)
    found = [*submission.answer_findings(answer, 201, now), *submission.answer_findings(later, 200, now)]
    assert (found, later.get("task_id")) == ([], answer.get("task_id")), (
        summary(found) if found else later.exchange.explain()
    )
    before.keep(TASK, later.payload)
    before.keep(OTHER_NAMES, *other_names(answer.get("task_id")))
    before.keep(STORED, all_stored(mongo))


@pytest.mark.checklist("21_01c.rollout.1")
def test_each_file_lands_in_the_old_place(
    submitted: Answered, slow_line: SlowLine, storage: Storage, mongo: Store, before: Before
) -> None:
    """Validate with flag off: each file of a submission is stored once, and no document of the new adapter is made.

    How a client is served that falls silent for some seconds is noted: it must be served so again.
    """
    before.keep(SLOW_LINE, slow_line)
    submission, answer = submitted
    found = submission.file_findings(storage.legacy_root)
    assert found == [], f"{summary(found)}\n{answer.exchange.explain()}"
    before.keep(LEFT_OUTSIDE, *submission.left_outside(storage))
    archives = mongo["review_archives"]
    documents = archives.count_documents({"student_id": submission.student_id})
    assert documents == 0, f"expected none in {archives.name}, which the old path does not write, found {documents}"


@pytest.mark.checklist("21_01c.rollout.1")
def test_work_is_reviewed(several: list[Review], before: Before) -> None:
    """Validate with flag off: what was uploaded is reviewed; what the new adapter keeps must come to the same."""
    before.keep(REVIEWS, *several)
    found = several[0].findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.1")
def test_odd_requests_do_not_crash(odd_off: Answers) -> None:
    """Validate with flag off: what no service can serve is refused; how, the new code must keep."""
    found = odd_findings(odd_off)
    assert found == [], summary(found)
