"""A refusal is proper with the contract's own status, nothing kept, nothing told, and its event logged."""

from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest
from small_target import small_target

from acceptance.probes.archives.archives import broken_off
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.rejection import Refusal, left_of
from acceptance.probes.storage.uploads import Upload


def refusal(status, kept=(), events=("checksum_failed",), body='{"detail": "no"}'):
    exchange = Exchange("POST", "http://here/api/v1/reviews", status, "", {}, body, 0.1, 9, "t1")
    return Refusal("half a zip", exchange, kept, events)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (refusal(400), []),
        (refusal(422), []),
        (refusal(415), ["wrong status"]),
        (refusal(421), ["accepted"]),
        (refusal(404), ["accepted"]),
        (refusal(201), ["accepted"]),
        (refusal(422, kept=(Path("/store/a.zip"),)), ["accepted"]),
        (refusal(422, events=()), ["not logged"]),
        (refusal(422, body='{"detail": "at /srv/app/main.py, line 3"}'), ["leaked"]),
        (refusal(422, body="no"), ["no detail"]),
    ],
    ids=["400", "422", "415", "421", "404", "201", "kept", "not logged", "leaked", "no detail"],
)
def test_refusal_is_judged_by_status_effect_and_log(seen, kinds):
    assert sorted({finding.kind for finding in seen.findings("checksum_failed")}) == kinds


@pytest.mark.parametrize(
    ("status", "kept", "told", "kinds"),
    [
        (413, (), "nginx/1.22.1", []),
        (502, (), "nginx/1.22.1", ["accepted"]),
        (413, (Path("/store/a.zip"),), "nginx/1.22.1", ["accepted"]),
        (413, (), "upstream 10.0.0.7", ["leaked"]),
    ],
    ids=["413", "another status", "kept", "leaked"],
)
def test_what_a_proxy_refuses_has_its_form_and_no_event(status, kept, told, kinds):
    seen = replace(refusal(status, kept, (), f"<html>{told}</html>"), by_service=False)
    assert [finding.kind for finding in seen.findings(None, status=413)] == kinds


@pytest.mark.parametrize(("limit", "passes"), [("''", True), ("119", False)])
def test_a_proxy_passes_on_what_it_may(limit, passes, tmp_path):
    storage = small_target(tmp_path, PROXY_MAX_BODY_BYTES=limit).storage
    assert (storage.passes_proxy(119), storage.passes_proxy(120)) == (True, passes)


@pytest.mark.parametrize(("most", "kinds"), [(None, []), (9, []), (8, ["read whole"])])
def test_a_refusal_may_have_to_come_before_all_is_sent(most, kinds):
    assert [finding.kind for finding in refusal(422).findings("checksum_failed", None, most)] == kinds


def test_one_status_can_be_asked_for():
    assert [finding.kind for finding in refusal(400).findings("checksum_failed", status=422)] == ["wrong status"]


@pytest.mark.parametrize(
    ("keeps", "status", "kinds"),
    [(False, None, []), (False, 400, []), (True, None, ["kept"]), (False, 201, ["accepted"])],
)
def test_what_is_left_of_an_upload_that_was_broken_off_is_told(keeps, status, kinds, tmp_path):
    class Breaking:
        """Sends what there is of an upload, then goes."""

        def send_raw(self, upload, **__):
            received = upload.archive.read()
            if keeps:
                (tmp_path / "abc").write_bytes(received)
            assert len(received) == upload.archive.size // 2
            return Exchange("POST", "http://api", status, "", {}, "", 0.1, len(received), "t1")

    upload = Upload("student", "hw02", broken_off(200_000))
    assert [each.kind for each in left_of(Breaking(), upload, tmp_path, 0.0)] == kinds


def test_what_a_service_throws_away_in_time_is_not_left(tmp_path):
    class Slow:
        """Notices a little later that its client went."""

        def send_raw(self, upload, **__):
            file = tmp_path / "abc"
            file.write_bytes(upload.archive.read())
            Timer(0.3, file.unlink).start()
            return Exchange("POST", "http://api", None, "", {}, "", 0.1, 1, "t1", "broken off")

    assert left_of(Slow(), Upload("student", "hw02", broken_off(200_000)), tmp_path, 10.0) == []
