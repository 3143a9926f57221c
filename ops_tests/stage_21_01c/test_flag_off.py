"""Stage 21_01c, gradual rollout: the old behaviour still works."""

import pytest

from acceptance.finding import summary
from acceptance.probes.archives.archives import good
from acceptance.probes.odd_requests import odd_findings
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_off")]


@pytest.mark.checklist("21_01c.rollout.1")
def test_upload_lands_in_the_old_place(uploader, storage, kept, new_id):
    """Validate with flag off: the file is in the old location, byte for byte."""
    archive = good()
    answer = uploader.send(Upload(new_id("off"), "hw01", archive))
    kept.keep(archive, storage.legacy_root)
    copies = copies_of(archive, storage.legacy_root)
    assert (answer.status, len(copies)) == (201, 1), (
        f"expected 201 and one copy below {storage.legacy_root}, found {answer.status} and {copies}\n{answer.explain()}"
    )


@pytest.mark.checklist("21_01c.rollout.1")
def test_new_path_is_not_at_work(stage_work):
    """Validate with flag off: after these uploads nothing shows the new adapter."""
    seen = stage_work.new_path.after_use()
    assert seen == set(), (
        f"expected no sign of {stage_work.new_path} with the flag off, found {sorted(seen)}: the new code is at work"
    )


@pytest.mark.checklist("21_01c.rollout.1", "trigger.2")
def test_requests_are_answered_and_timed(times_off):
    """Validate with flag off: requests are answered, and their times are the baseline of this run."""
    faults = [probe.fault for probe in times_off if probe.fault]
    assert (len(times_off) > 0, faults) == (True, []), f"{len(faults)} of {len(times_off)} failed: {faults[:3]}"


@pytest.mark.checklist("21_01c.rollout.1")
def test_task_can_be_asked_for(uploader, clients, new_id, before):
    """Validate with flag off: the task of a submission is answered under its id."""
    task_id = uploader.read(uploader.send(Upload(new_id("asks"), "hw01", good()))).get("task_id")
    later = clients.caller("api").get(f"{REVIEWS_PATH}/{task_id}")
    assert (later.exchange.status, later.get("task_id")) == (200, task_id), later.exchange.explain()
    before.keep("task", later.payload)


@pytest.mark.checklist("21_01c.rollout.1")
def test_work_is_reviewed(several, before):
    """Validate with flag off: what was uploaded is reviewed; what the new adapter keeps must come to the same."""
    before.keep("reviews", *several)
    found = several[0].findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.rollout.1")
def test_odd_requests_do_not_crash(odd_off):
    """Validate with flag off: what no service can serve is refused; how, the new code must keep."""
    found = odd_findings(odd_off)
    assert found == [], summary(found)
