"""The uploader on a real socket: lying lengths, early answers, hanging servers, and its own memory."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from served import served

from acceptance.probes.archives import archives
from acceptance.probes.http.exchange import Exchange, leaks
from acceptance.probes.storage.uploads import Upload, Uploader, file_part

MIB = 1024 * 1024
ANSWER = b'HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"detail":"no"}'


@dataclass
class Seen:
    """What the server got: the head, and how much body."""

    head: bytes = b""
    body: bytes = b""
    length: int = 0


@dataclass
class Peer:
    """A server whose one behaviour is a function of the connection."""

    url: str
    seen: list[Seen] = field(default_factory=list)


@contextlib.contextmanager
def serving(behave: Callable[[socket.socket, Seen], object]) -> Iterator[Peer]:
    peer = Peer("")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen = Seen()
            peer.seen.append(seen)
            while b"\r\n\r\n" not in seen.head:
                seen.head += self.request.recv(1)
            with contextlib.suppress(ConnectionError):
                behave(self.request, seen)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with served(server) as url:
        peer.url = f"{url}/"
        yield peer


def drain(sock: socket.socket, seen: Seen, length: int, keep: bool = False) -> None:
    while seen.length < length and (data := sock.recv(1 << 20)):
        seen.length += len(data)
        if keep:
            seen.body += data


def announced(seen: Seen) -> int:
    match = re.search(rb"(?i)content-length: (\d+)", seen.head)
    return int(match.group(1)) if match else 0


def accept(sock: socket.socket, seen: Seen) -> None:
    drain(sock, seen, announced(seen), keep=announced(seen) < MIB)
    sock.sendall(ANSWER % 201)


def put_off(sock: socket.socket, seen: Seen) -> None:
    drain(sock, seen, announced(seen))
    sock.sendall(ANSWER % 202)


def refuse_and_close(sock: socket.socket, seen: Seen) -> None:
    drain(sock, seen, 1)
    sock.sendall(ANSWER % 413)


def refuse_and_stop_reading(sock: socket.socket, seen: Seen) -> None:
    sock.sendall(ANSWER % 413)
    hang(sock, seen)


def hang(sock: socket.socket, seen: Seen) -> None:
    """Do nothing until the client gives up."""
    while sock.recv(1 << 20):
        pass


def drip(sock: socket.socket, seen: Seen) -> None:
    """Send a header that never ends, slowly enough to keep any time-out of a single read from firing."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        sock.sendall(b"x")
        time.sleep(0.05)


def upload(size: int = 0) -> Upload:
    return Upload("s1", "hw1", archives.of_exact_size(size) if size else archives.good())


def test_a_word_on_the_way_is_no_answer() -> None:
    """Proxies send 102 and 103 before the answer."""

    def hint(sock: socket.socket, seen: Seen) -> None:
        drain(sock, seen, announced(seen))
        sock.sendall(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ANSWER % 422)

    with serving(hint) as peer:
        answer = Uploader(peer.url, 10).send(upload())
    assert (answer.status, answer.detail, "link" in answer.headers) == (422, "no", False)


@pytest.mark.parametrize(("behave", "taken", "found"), [(put_off, 202, 201), (accept, 202, 202), (put_off, 201, 202)])
def test_an_upload_is_taken_by_the_status_that_the_target_file_says(
    behave: Callable[[socket.socket, Seen], object], taken: int, found: int
) -> None:
    with serving(behave) as peer:
        answer = Uploader(peer.url, taken=taken).send(upload())
    assert (answer.status, "UPLOAD_STATUS is 202" in answer.explain()) == (found, taken == 202)


def test_the_form_holds_every_field_and_a_fresh_trace() -> None:
    with serving(accept) as peer:
        first, second = Uploader(peer.url).send(upload()), Uploader(peer.url).send(upload())
    assert (first.status, first.body, first.error) == (201, '{"detail":"no"}', None)
    assert first.trace_id != second.trace_id
    seen = peer.seen[0]
    assert b"POST /api/v1/reviews HTTP/1.1\r\n" in seen.head
    assert re.search(rb"traceparent: 00-%b-[0-9a-f]{16}-01\r\n" % first.trace_id.encode(), seen.head)
    for name in (b"student_id", b"assignment_id", b"new_commit", b"new_zip_sha256", b'new_zip"; filename="new.zip'):
        assert b'name="' + name + b'"\r\n' in seen.body
    assert announced(seen) == seen.length == first.sent_bytes


@pytest.mark.parametrize("declared", [None, "0" * 64])
def test_declared_digest_is_left_out_or_wrong_on_demand(declared: str | None) -> None:
    with serving(accept) as peer:
        Uploader(peer.url).send(Upload("s", "a", archives.good(), declared_sha256=declared))
    assert (b"new_zip_sha256" in peer.seen[0].body) is (declared is not None)
    assert (b"\r\n" + b"0" * 64 + b"\r\n" in peer.seen[0].body) is (declared is not None)


def test_extra_parts_and_other_trace_header() -> None:
    extra = (file_part(b"old_zip", archives.good(), b"..\\\x00.zip"),)
    with serving(accept) as peer:
        sent = Uploader(peer.url, trace_header="X-Request-ID").send(Upload("s", "a", archives.good(), extra=extra))
    assert b'name="old_zip"; filename="..\\\x00.zip"' in peer.seen[0].body
    assert b"X-Request-ID: " + sent.trace_id.encode() + b"\r\n" in peer.seen[0].head


@pytest.mark.parametrize("refuse", [refuse_and_close, refuse_and_stop_reading])
def test_an_answer_given_while_we_send_is_read(refuse: Callable[[socket.socket, Seen], None]) -> None:
    with serving(refuse) as peer:
        sent = Uploader(peer.url, timeout_s=10).send(upload(20 * MIB))
    assert (sent.status, sent.error, sent.body) == (413, None, '{"detail":"no"}')
    assert sent.sent_bytes < 20 * MIB


@pytest.mark.parametrize("behave", [hang, drip])
def test_a_server_that_never_ends_its_answer_ends_at_the_deadline(behave: Callable[..., None]) -> None:
    with serving(behave) as peer:
        sent = Uploader(peer.url, timeout_s=0.5).send(upload())
    assert (sent.status, sent.error) == (None, "no answer before the deadline")
    assert 0.4 < sent.elapsed_s < 2


def test_a_server_that_stops_reading_ends_at_the_deadline() -> None:
    released = threading.Event()
    with serving(lambda sock, seen: released.wait(10)) as peer:
        sent = Uploader(peer.url, timeout_s=0.5).send(upload(20 * MIB))
        released.set()
    assert (sent.status, sent.error) == (None, "no answer before the deadline")


def test_connection_closed_without_answer_is_an_error_and_so_is_no_server() -> None:
    with serving(lambda sock, seen: None) as peer:
        closed = Uploader(peer.url).send(upload())
    refused = Uploader("http://127.0.0.1:1").send(upload())
    assert closed.status is None
    assert closed.error
    assert "refused" in (refused.error or "")


def test_too_small_a_length_still_sends_the_whole_body() -> None:
    with serving(lambda sock, seen: drain(sock, seen, 10**9)) as peer:
        Uploader(peer.url, 0.5).send_raw(upload(), content_length=10)
        assert announced(peer.seen[0]) == 10
        assert peer.seen[0].length > 32_000


def test_too_large_a_length_is_answered_from_the_header_or_after_the_body_ends() -> None:
    with serving(refuse_and_stop_reading) as peer:
        early = Uploader(peer.url, 10).send_raw(upload(), content_length=10**9)
    with serving(accept) as peer:
        late = Uploader(peer.url, 10).send_raw(upload(), content_length=10**9)
    assert early.status == 413
    assert (late.status, late.error) == (201, None)


def test_chunked_has_no_length_and_whole_frames() -> None:
    def until_last_chunk(sock: socket.socket, seen: Seen) -> None:
        while not seen.body.endswith(b"\r\n0\r\n\r\n"):
            seen.body += sock.recv(1 << 16)
        sock.sendall(ANSWER % 201)

    with serving(until_last_chunk) as peer:
        sent = Uploader(peer.url, 5).send_raw(upload(200_000), chunked=True)
    assert sent.status == 201
    assert b"Transfer-Encoding: chunked" in peer.seen[0].head
    assert b"Content-Length" not in peer.seen[0].head
    assert peer.seen[0].body.startswith(b"10000\r\n--acceptance-")


def test_150_mb_grow_our_memory_by_less_than_a_few_mb() -> None:
    archive = archives.of_exact_size(150_000_000)
    with serving(accept) as peer:
        tracemalloc.start()
        sent = Uploader(peer.url, 60).send(Upload("s", "a", archive))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sent.status == 201
    assert peer.seen[0].length > 150_000_000
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"detail":"Traceback (most recent call last):\\n  File \\"/srv/app/x.py\\", line 3"}', "stack trace"),
        ('{"detail":"cannot write /var/butler/review_archives/x"}', "absolute path"),
        ('{"detail":"cannot write C:\\\\butler\\\\x"}', "absolute path"),
        ('{"detail":"no route to 10.0.3.7"}', "private address"),
        ('{"detail":"mongodb://butler:pw@db:27017/butler"}', "database address"),
        ('{"detail":"src.infrastructure.storage.LocalStore failed"}', "module path"),
        ('{"detail":"failed at line 42"}', "source line"),
        ('{"detail":"FileNotFoundError: no such file"}', "exception class"),
        ('{"detail":"[Errno 13] Permission denied"}', "exception class"),
        ('{"detail":"x\\n    at async go (index 0)"}', "stack trace"),
        ('{"detail":"node:internal/process/task_queues:95:5"}', "stack trace"),
        ('{"detail":"go (file:///app/server.mjs)"}', "absolute path"),
        ('{"detail":"no route to ::1"}', "private address"),
        ('{"detail":"ENOSPC: no space left on device, write"}', "error of the system"),
        ('{"detail":"E11000 duplicate key error collection: tasks"}', "error of the system"),
        ("<hr><center>nginx/1.22.1</center>", "version of a server"),
    ],
)
def test_internals_are_named(body: str, kind: str) -> None:
    assert any(found.startswith(f"{kind}: ") for found in leaks(body))


@pytest.mark.parametrize(
    "body",
    [
        '{"detail":"student_id must be letters, digits, - and _"}',
        '{"detail":"new_zip: checksum does not match (see /api/v1/reviews)"}',
        '{"detail":"file is larger than 104857600 bytes"}',
        '{"detail":"Ошибка: неверное имя"}',
        '{"detail":[{"loc":["body","student_id"],"msg":"should match","type":"string_pattern_mismatch"}]}',
    ],
)
def test_a_plain_refusal_leaks_nothing(body: str) -> None:
    assert leaks(body) == []


def test_an_echo_of_the_payload_is_no_leak_but_the_storage_root_is() -> None:
    body = '{"detail":"\\"/etc/x/../y\\" is no id"}'
    assert leaks(body, sent=["/etc/x/../y"]) == []
    assert leaks(body)
    assert leaks('{"detail":"in archives-7"}', private=["archives-7"]) == ["private text: archives-7"]


@pytest.mark.parametrize(
    ("status", "refused"),
    [*((each, True) for each in (400, 413, 422)), *((each, False) for each in (421, 423, 429, 404, 500, 201, None))],
)
def test_only_a_4xx_about_the_payload_is_a_refusal(status: int | None, refused: bool) -> None:
    exchange = Exchange("POST", "http://x", status, "", {}, '{"detail":"no"}', 0.1, 5, "t" * 32)
    assert exchange.refused is refused
    assert exchange.detail == "no"
    assert str(status) in exchange.explain()


# Bytes of an archive that read as a Windows path, a Unix path and a line of code; `\xff` is no UTF-8.
HOSTILE = b"PK\x03\x04 A:\\x /var/lib/x app.py:3 " + b"x" * 6000 + b"\xff /srv/y"


@pytest.mark.parametrize(
    "echo",
    [repr(HOSTILE), HOSTILE.decode("latin-1"), HOSTILE.decode("utf-8", "replace"), HOSTILE[:30].decode("latin-1")],
    ids=["repr", "latin-1", "replaced", "in part"],
)
def test_an_echo_of_the_archive_is_no_leak_whatever_its_length_and_what_stands_beside_it_is(echo: str) -> None:
    def body(message: str) -> str:
        return json.dumps({"detail": [{"type": "value_error", "msg": message, "input": echo}]})

    pieces = [HOSTILE[:25], HOSTILE[25:]]
    assert leaks(body("no zip"), form=pieces) == []
    assert leaks(body("no zip"), form=pieces, private=["/var/lib"]) == []
    assert leaks(body("no zip: /srv/app/main.py"), form=pieces) == ["absolute path: /srv/app/main.py"]
    assert leaks(body("in archives-7"), form=pieces, private=["archives-7"]) == ["private text: archives-7"]
    assert leaks(body("no zip"), form=[b"another"])


@pytest.mark.parametrize("size", [100, 5_000, 2 << 20])
def test_a_long_refusal_has_its_detail_and_is_short_in_the_record(size: int) -> None:
    said = json.dumps({"detail": [{"msg": "no zip", "input": "\u00e4" * size}]}).encode()

    def refuse(sock: socket.socket, seen: Seen) -> None:
        drain(sock, seen, announced(seen))
        sock.sendall(b"HTTP/1.1 422 X\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))

    with serving(refuse) as peer:
        answer = Uploader(peer.url, 10).send(upload(500))
    assert isinstance(answer.detail, list)
    assert answer.detail[0]["msg"] == "no zip"
    assert len(str(answer.as_json()["body"])) < 5_000
