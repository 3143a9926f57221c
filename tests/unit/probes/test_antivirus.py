"""The clamd client: what it sends, what it makes of answers, and what it says when there is none."""

from __future__ import annotations

import contextlib
import socketserver
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import served

from acceptance.probes.storage.antivirus import Antivirus
from acceptance.verdict import Inconclusive


@contextlib.contextmanager
def clamd(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """A scanner that takes any stream and always answers the same."""
    scanned: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            command = b""
            while not command.endswith(b"\0"):
                command += self.rfile.read(1)
            if command == b"zINSTREAM\0":
                data = b""
                while size := struct.unpack("!L", self.rfile.read(4))[0]:
                    data += self.rfile.read(size)
                scanned.append(data)
            self.wfile.write(answer)

    with served(socketserver.ThreadingUnixStreamServer(str(path), Handler)):
        yield scanned


def test_scan_sends_every_byte_and_gives_the_words(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    with clamd(tmp_path / "s", b"stream: Eicar FOUND\0") as scanned:
        assert Antivirus(f"unix://{tmp_path}/s").scan(data) == "stream: Eicar FOUND"
    assert scanned == [data]


def test_ping_is_content_with_pong_only(tmp_path: Path) -> None:
    with clamd(tmp_path / "a", b"PONG\0"):
        Antivirus(f"unix://{tmp_path}/a").ping()
    with clamd(tmp_path / "b", b"UNKNOWN COMMAND\0"), pytest.raises(Inconclusive, match="instead of PONG"):
        Antivirus(f"unix://{tmp_path}/b").ping()


@pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b""])
def test_not_scanned_is_not_clean(tmp_path: Path, answer: bytes) -> None:
    with clamd(tmp_path / "s", answer), pytest.raises(Inconclusive, match="instead of OK or FOUND"):
        Antivirus(f"unix://{tmp_path}/s").scan(b"x")


@pytest.mark.parametrize("address", ["unix:///nowhere/clamd", "tcp://127.0.0.1:1"])
def test_no_scanner_is_inconclusive_with_a_remedy(address: str) -> None:
    with pytest.raises(Inconclusive, match=r"clamav-daemon.*target file"):
        Antivirus(address).ping()


@pytest.mark.parametrize("address", ["", "/run/clamd", "unix://run/clamd", "tcp://h", "tcp://h:p", "http://x:1"])
def test_malformed_address_is_named(address: str) -> None:
    with pytest.raises(Inconclusive, match="expected unix:///path/of/socket or tcp://host:port"):
        Antivirus(address).ping()
