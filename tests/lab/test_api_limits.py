"""butler-api's size limit: exact, held against every trick, and without the memory that it protects."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from test_serve import pid
from whole_lab import BOUNDARY, WholeLab, archive, form, padded

LIMIT = 100 << 20


@pytest.fixture(scope="module")
def new_path(lab: WholeLab) -> Iterator[WholeLab]:
    """The shared lab on the new path."""
    with lab.flag("USE_NEW_STORAGE_ADAPTER"):
        yield lab


def test_the_exact_limit_is_accepted(lab: WholeLab, new_path: WholeLab) -> None:
    content = padded(LIMIT)
    assert len(content) == LIMIT
    assert lab.upload(content).status_code == 201


def test_one_byte_more_is_413(lab: WholeLab, new_path: WholeLab, nothing_left: None) -> None:
    with lab.new_events() as events:
        assert lab.upload(padded(LIMIT + 1)).status_code == 413
    assert [event["event"] for event in events] == ["size_limit"]


def raw_request(lab: WholeLab, head: bytes, pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """Send a request by hand until the service closes; give its answer and the bytes that it took."""
    url, sent = urlsplit(lab.reviews), 0
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        kind = b"Content-Type: multipart/form-data; boundary=" + BOUNDARY
        connection.sendall(b"POST /api/v1/reviews HTTP/1.1\r\nHost: lab\r\n" + kind + b"\r\n" + head + b"\r\n\r\n")
        try:
            for piece in pieces:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        return connection.recv(65536), sent


def test_an_endless_chunked_body_ends_early(lab: WholeLab, new_path: WholeLab, nothing_left: None) -> None:
    def endless() -> Iterator[bytes]:
        start = form({}, {"new_zip": (b'filename="a.zip"', b"")}).partition(b"\r\n--" + BOUNDARY + b"--")[0]
        yield b"%x\r\n%s\r\n" % (len(start), start)
        piece = bytes(1 << 20)
        for _ in range(20_000):
            yield b"%x\r\n%s\r\n" % (len(piece), piece)

    answer, sent = raw_request(lab, b"Transfer-Encoding: chunked", endless())
    assert answer.startswith(b"HTTP/1.1 413")
    assert sent < 20 << 30


def test_a_length_far_over_the_limit_is_refused_unread(lab: WholeLab, new_path: WholeLab, nothing_left: None) -> None:
    answer, _ = raw_request(lab, b"Content-Length: 9000000000", iter([]))
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_shorter_than_the_form_is_refused(lab: WholeLab, new_path: WholeLab, nothing_left: None) -> None:
    content = archive()
    fields = {"student_id": "ann", "assignment_id": "hw01", "new_commit": "abc"}
    body = form(fields, {"new_zip": (b'filename="a.zip"', content)})
    answer, _ = raw_request(lab, b"Content-Length: %d" % (len(body) - 60), iter([body]))
    assert answer.startswith(b"HTTP/1.1 400")


def test_many_uploads_at_once_take_little_memory(lab: WholeLab, new_path: WholeLab) -> None:
    content = padded(30 << 20)
    body = form(
        {
            "student_id": "ann",
            "assignment_id": "hw01",
            "new_commit": "abc",
            "new_zip_sha256": hashlib.sha256(content).hexdigest(),
        },
        {"new_zip": (b'filename="a.zip"', content)},
    )
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(lab.post, [body] * 8)} == {201}
    status = Path(f"/proc/{pid(lab)}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    assert peak < 110 << 10, f"{peak} KiB"
