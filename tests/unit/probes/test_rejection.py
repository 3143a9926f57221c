"""A refusal is proper with the contract's own status, nothing kept, nothing told, and its event logged."""

import errno
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pytest
from small_target import small_target

from acceptance.probes.archives.archives import broken_off, good
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.rejection import Refusal, left_of, try_upload
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.verdict import Inconclusive


def refusal(status, kept=(), events=("checksum_failed",), body='{"detail": "no"}'):
    exchange = Exchange("POST", "http://127.0.0.1:8000/app/api/v1/reviews", status, "", {}, body, 0.1, 9, "t1")
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
        (refusal(422, body='{"detail": "no", "instance": "http://127.0.0.1:8000/app/api/v1/reviews"}'), []),
        (refusal(422, body='{"detail": "no", "path": "/app/api/v1/reviews"}'), []),
        (refusal(422, body='{"detail": "no", "path": "/app/api/v1/reviews.py"}'), ["leaked"]),
        (refusal(422, body='{"detail": "http://127.0.0.1:27017"}'), ["leaked"]),
        (refusal(422, body="no"), ["no detail"]),
    ],
    ids=[
        *("400", "422", "415", "421", "404", "201", "kept", "not logged", "leaked"),
        *("our address", "our path", "more than our path", "another address", "no detail"),
    ],
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


@pytest.mark.parametrize(
    ("status", "chunked", "kinds"), [(411, True, []), (411, False, ["wrong status"]), (400, True, ["wrong status"])]
)
def test_an_upload_without_a_length_may_be_none_that_is_taken(status, chunked, kinds):
    seen = replace(refusal(status, (), ("size_limit",), '{"detail": "no"}'), chunked=chunked)
    assert [finding.kind for finding in seen.findings("size_limit", status=413)] == kinds
    if not kinds:
        page = replace(seen, events=(), exchange=replace(seen.exchange, body="<html>nginx/1.22.1</html>"))
        kept = replace(page, kept=(Path("/store/a.zip"),))
        kinds = [[each.kind for each in one.findings("size_limit", status=413)] for one in (page, kept)]
        assert kinds == [[], ["accepted"]]


@pytest.mark.parametrize(("limit", "passes"), [("''", True), ("119", False)])
def test_a_proxy_passes_on_what_it_may(limit, passes, tmp_path):
    storage = small_target(tmp_path, PROXY_MAX_BODY_BYTES=limit).storage
    assert (storage.passes_proxy(119), storage.passes_proxy(120)) == (True, passes)


@pytest.mark.parametrize(
    ("found", "status", "most", "kinds"),
    [(422, None, None, []), (422, None, 9, []), (422, None, 8, ["read whole"]), (400, 422, None, ["wrong status"])],
)
def test_a_refusal_may_have_to_be_of_one_status_and_to_come_before_all_is_sent(found, status, most, kinds):
    assert [finding.kind for finding in refusal(found).findings("checksum_failed", status, most)] == kinds


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


@pytest.mark.parametrize(("moves", "kinds"), [(False, []), (True, ["accepted"])])
def test_a_service_may_tidy_up_behind_its_refusal_and_not_put_it_elsewhere(moves, kinds, tmp_path):
    class Tidying(Uploader):
        """Removes what it received once it has answered, or puts it beside."""

        def send_raw(self, upload, **__):
            file = tmp_path / "abc"
            file.write_bytes(upload.archive.read())
            Timer(0.3, (lambda: file.rename(tmp_path / "kept")) if moves else file.unlink).start()
            return Exchange("POST", "http://api", 422, "", {}, '{"detail": "no"}', 0.1, 1, "t1")

    logs = SimpleNamespace(tells=bool, since=lambda *_: [])
    tried = try_upload(Tidying("http://api"), Upload("student", "hw02", good()), tmp_path, logs, event=None)
    assert [each.kind for each in tried.findings(None)] == kinds


@pytest.mark.parametrize(("number", "told"), [(errno.ENOENT, ""), (errno.ESTALE, ""), (errno.EACCES, "run as")])
def test_an_archive_that_moves_while_it_is_looked_for_is_not_there(number, told, tmp_path, monkeypatch):
    archive = good()
    (tmp_path / "abc").write_bytes(archive.read())
    assert len(copies_of(archive, tmp_path)) == 1

    def gone(_):
        raise OSError(number, "no")

    monkeypatch.setattr("acceptance.probes.storage.directory.sha256_of", gone)
    with pytest.raises(Inconclusive, match=told) if told else nullcontext():
        assert copies_of(archive, tmp_path) == []
