"""butler-api without what it needs: it refuses, says so in /health, and keeps nothing half."""

from collections.abc import Iterator

import pytest
from rig import until
from whole_lab import WholeLab

pytestmark = pytest.mark.usefixtures("new_path")


@pytest.fixture(scope="module")
def new_path(lab: WholeLab) -> Iterator[None]:
    """The shared lab on the new path."""
    with lab.flag("USE_NEW_STORAGE_ADAPTER"):
        yield


def test_without_clamd_nothing_is_accepted(lab: WholeLab, nothing_left: None) -> None:
    with lab.without("clamd"), lab.new_events() as events:
        answer = lab.upload()
    assert (answer.status_code, answer.json()) == (503, {"detail": "virus scan is unavailable"})
    assert [event["event"] for event in events] == ["av_scan_unavailable"]
    until(lambda: lab.upload(student_id="1/2").status_code == 422, "refusals go on")


def test_without_mongo_an_upload_is_undone(lab: WholeLab, nothing_left: None) -> None:
    with lab.without("mongo"):
        answer = lab.upload(student_id="unrecorded")
        assert answer.status_code == 503
        assert lab.http.get(f"{lab.reviews}/rev_x").status_code == 503
        assert not lab.healthy()
    assert "127.0.0.1" not in answer.text
    assert not (lab.storage / "unrecorded").exists()
    until(lab.healthy, "butler-api finds MongoDB again")


def test_without_its_folder_the_service_is_ill(lab: WholeLab) -> None:
    incoming, gone = lab.storage / ".incoming", lab.storage / ".gone"
    incoming.rename(gone)
    try:
        assert not lab.healthy()
        assert lab.upload().status_code == 500
    finally:
        gone.rename(incoming)
    assert lab.healthy()
