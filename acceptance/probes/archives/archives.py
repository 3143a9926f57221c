"""Make archives to upload: good ones, broken ones, and ones that a service must refuse.

Each carries a nonce, stored uncompressed, so that a file found anywhere on the target's disk can be
attributed to the upload that brought it.
"""

from __future__ import annotations

import hashlib
import io
import random
import secrets
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Literal

from acceptance.probes.archives import rawzip
from acceptance.probes.archives.rawzip import Entry

NONCE_PREFIX = b"acceptance-nonce-"
_EPOCH = (2025, 1, 1, 0, 0, 0)  # fixed, so that an archive's digest depends on its nonce alone
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Archive:
    """A file to upload.

    Attributes:
        name: What kind it is, for ids and messages.
        size: Bytes.
        sha256: Digest of the bytes, hex.
        chunks: Gives the bytes in pieces, any number of times.
        description: One line for the record.
        nonce: Bytes that are found in the file, and in no other upload's.
        declared_sha256: The digest that a client declares with it; differs from `sha256` in a tampered file.
    """

    name: str
    size: int
    sha256: str
    chunks: Callable[[], Iterable[bytes]] = field(repr=False)
    description: str
    nonce: bytes
    declared_sha256: str

    @classmethod
    def of(cls, name: str, data: bytes, description: str, nonce: bytes, declared_sha256: str | None = None) -> Archive:
        """Make an archive from bytes at hand; the declared digest is the true one unless given."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(name, len(data), digest, lambda: (data,), description, nonce, declared_sha256 or digest)

    def read(self) -> bytes:
        """Return the whole file; only for small ones."""
        return b"".join(self.chunks())


def new_nonce(mark: str = "") -> bytes:
    """Make a nonce: a fixed prefix, the mark of a run if there is one, and 32 hex digits."""
    return NONCE_PREFIX + mark.encode() + secrets.token_hex(16).encode()


def zip_bytes(nonce: bytes, members: Iterable[tuple[str, bytes]] = (), noise: bytes = b"") -> bytes:
    """Make a zip of which the first member holds the nonce uncompressed; the files given are deflated.

    Noise is stored: any bit of it that flips is noticed, whereas deflate has bits that mean nothing.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("nonce.txt", _EPOCH), nonce)
        for name, data in members:
            method = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, method)
        if noise:
            archive.writestr(zipfile.ZipInfo("data.bin", _EPOCH), noise)
    return out.getvalue()


def good(nonce: bytes | None = None) -> Archive:
    """Make a small homework that any service must accept (about 33 kB, of which 32 kB do not compress)."""
    nonce = nonce or new_nonce()
    noise = random.Random(nonce).randbytes(32 * 1024)  # noqa: S311  # filler, and the same for the same nonce
    members = (("README.md", b"# Homework\n"), ("main.py", b"print('hello')\n"))
    return Archive.of("good", zip_bytes(nonce, members, noise), "a valid zip", nonce)


def project() -> Archive:
    """Make a homework of 300 small files in folders, as a framework makes them, some of them with Russian names."""
    nonce = new_nonce()
    names = [f"app/part_{n // 20:02}/module_{n:03}.py" for n in range(280)] + [
        f"тесты/проверка {n}.py" for n in range(20)
    ]
    data = zip_bytes(nonce, [("app/", b""), *((name, f"print({name!r})\n".encode()) for name in names)])
    return Archive.of("project", data, "a zip of 300 files", nonce)


def of_exact_size(size: int, nonce: bytes | None = None) -> Archive:
    """Make a valid zip of exactly `size` bytes: one stored member, made in chunks, never held in memory.

    The format wants the member's CRC before its data, so the data is made twice, once for the CRC and once
    for the digest: both passes together take about half a second for 150 MB.

    Raises:
        ValueError: When the size is too small for a zip with a nonce, or needs the zip64 format.
    """
    nonce = nonce or new_nonce()
    name = b"data.bin"
    overhead = 30 + 46 + 22 + 2 * len(name)
    if not overhead + len(nonce) <= size < 2**32 - 1:
        raise ValueError(f"size {size}: expected {overhead + len(nonce)} to {2**32 - 2} bytes")
    length = size - overhead
    block = random.Random(nonce).randbytes(_BLOCK)  # noqa: S311

    def data() -> Iterator[bytes]:
        yield nonce
        whole, rest = divmod(length - len(nonce), len(block))
        for _ in range(whole):
            yield block
        yield block[:rest]

    crc = 0
    for piece in data():
        crc = zlib.crc32(piece, crc)
    entry = Entry(name, length, length, crc)
    directory = entry.central(0)
    end = rawzip.end(1, len(directory), len(entry.local()) + length)

    def chunks() -> Iterator[bytes]:
        yield entry.local()
        yield from data()
        yield directory + end

    digest = hashlib.sha256()
    for piece in chunks():
        digest.update(piece)
    sha256 = digest.hexdigest()
    return Archive(f"exactly-{size}", size, sha256, chunks, f"a valid zip of {size} bytes", nonce, sha256)


def slowly(archive: Archive, pause_s: float, silent: Event) -> Archive:
    """Send an archive with so many seconds of silence in its middle, as from a train; it must have several chunks.

    Args:
        archive: The archive.
        pause_s: Seconds of silence.
        silent: Set as it begins.
    """

    def chunks() -> Iterator[bytes]:
        sent = 0
        for chunk in archive.chunks():
            if sent < archive.size // 2 <= sent + len(chunk):
                silent.set()
                time.sleep(pause_s)
            sent += len(chunk)
            yield chunk

    return replace(archive, chunks=chunks, description=f"{archive.description}, over a slow line")


def truncated(nonce: bytes | None = None, *, honest: bool = True) -> Archive:
    """Make the first half of a good zip.

    Args:
        nonce: Nonce to carry.
        honest: Declare the digest of the half (only reading the zip itself can refuse it), else of the whole.
    """
    whole = good(nonce)
    data = whole.read()[: whole.size // 2]
    return Archive.of("truncated", data, "a zip cut in half", whole.nonce, None if honest else whole.sha256)


def bit_flip(
    nonce: bytes | None = None, *, at: Literal["start", "middle", "end"] = "middle", honest: bool = False
) -> Archive:
    """Make a good zip with one bit flipped after its digest was taken.

    Args:
        nonce: Nonce to carry.
        at: `start` hits the first signature, `middle` a member's data, `end` the directory's position.
        honest: Declare the digest of the flipped file, so that only the zip's own CRC can tell.
    """
    whole = good(nonce)
    data = bytearray(whole.read())
    data[{"start": 0, "middle": len(data) // 2, "end": len(data) - 4}[at]] ^= 0x10
    declared = None if honest else whole.sha256
    return Archive.of(f"bit-flip-{at}", bytes(data), f"one bit flipped at the {at}", whole.nonce, declared)


def broken_off(size: int) -> Archive:
    """Make a zip of so many bytes whose second half is never sent: its client goes away."""
    whole = of_exact_size(size)

    def half() -> Iterator[bytes]:
        left = size // 2
        for piece in whole.chunks():
            yield piece[:left]
            left -= len(piece[:left])

    return replace(whole, name="broken-off", chunks=half, description=f"half of a zip of {size} bytes")


def empty() -> Archive:
    """Make a file of no bytes; the only one without a nonce."""
    return Archive.of("empty", b"", "a file of no bytes", b"")


def text_named_zip(nonce: bytes | None = None) -> Archive:
    """Make plain text under a zip's name."""
    nonce = nonce or new_nonce()
    return Archive.of("text-named-zip", b"This is no archive.\n" * 20 + nonce + b"\n", "text, no zip", nonce)


def exe_named_zip(nonce: bytes | None = None) -> Archive:
    """Make a Windows program's headers under a zip's name."""
    nonce = nonce or new_nonce()
    stub = b"MZ" + b"\x90\x00" * 29 + struct.pack("<L", 128) + nonce.ljust(64, b"\0")
    portable = b"PE\0\0" + struct.pack("<HHLLLHH", 0x8664, 0, 0, 0, 0, 0, 0x22)
    return Archive.of("exe-named-zip", stub + portable + b"\0" * 512, "a program, no zip", nonce)


def eicar() -> bytes:
    """Make the 68 bytes that every virus scanner knows, assembled here so that none of them flags this file."""
    return b"".join((b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-", b"FILE!$H+H*"))


def eicar_zip(nonce: bytes | None = None, noise: int = 0) -> Archive:
    """Make a valid zip with the EICAR test file as a member, beside so many bytes that do not compress."""
    nonce = nonce or new_nonce()
    data = zip_bytes(nonce, [("eicar.com", eicar())], random.Random(nonce).randbytes(noise))  # noqa: S311
    return Archive.of("eicar-zip", data, f"a zip of {len(data)} bytes with EICAR in it", nonce)


def eicar_bare() -> Archive:
    """Make the EICAR test file itself: exactly its 68 bytes, which are their own nonce (scanners allow no more)."""
    return Archive.of("eicar-bare", eicar(), "the bare EICAR file", eicar())
