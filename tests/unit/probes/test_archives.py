"""The archives: what is valid is valid, what is broken is broken, and each can be told by its nonce."""

from __future__ import annotations

import hashlib
import io
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from acceptance.probes.archives import archives
from acceptance.probes.archives.archives import Archive

MIB = 1024 * 1024


def zip_fault(data: bytes) -> str | None:
    """Say why the data is no intact zip, as a reader of every member sees it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.testzip()
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as problem:
        return str(problem) or type(problem).__name__


def digest(archive: Archive) -> str:
    running = hashlib.sha256()
    for chunk in archive.chunks():
        running.update(chunk)
    return running.hexdigest()


def test_good_archive_is_a_valid_zip_with_its_true_digest() -> None:
    archive = archives.good()
    assert zip_fault(archive.read()) is None
    assert archive.sha256 == archive.declared_sha256 == digest(archive)


def test_same_nonce_gives_the_same_file_and_another_nonce_another() -> None:
    first, again, other = archives.good(b"n1"), archives.good(b"n1"), archives.good(b"n2")
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize("size", [200, 64 * 1024, 100 * 1024 + 1, MIB - 1, MIB, MIB + 1])
def test_exact_size_is_exact_and_valid(size: int) -> None:
    archive = archives.of_exact_size(size)
    data = archive.read()
    assert (len(data), archive.size, zip_fault(data)) == (size, size, None)
    assert archive.sha256 == hashlib.sha256(data).hexdigest()


def test_exact_size_of_the_real_limit_needs_no_memory() -> None:
    tracemalloc.start()
    archive = archives.of_exact_size(100 * MIB + 1)
    size = sum(len(chunk) for chunk in archive.chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 100 * MIB + 1
    assert peak < MIB


def test_archive_over_a_slow_line_is_the_same_with_a_silence_in_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, sent, silent = archives.of_exact_size(300_000), bytearray(), list[tuple[bool, float]]()
    # More than one chunk of a form went before: else all of it would be sent after the silence.
    monkeypatch.setattr(time, "sleep", lambda seconds: silent.append((64 * 1024 < len(sent) < 150_000, seconds)))
    for chunk in archives.slowly(whole, 3.0, begun := Event()).chunks():
        sent += chunk
    assert (bytes(sent), silent, begun.is_set()) == (whole.read(), [(True, 3.0)], True)


@pytest.mark.parametrize("size", [0, 100, 2**32])
def test_impossible_size_is_named(size: int) -> None:
    with pytest.raises(ValueError, match=f"size {size}: expected"):
        archives.of_exact_size(size)


@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_bit_flip_changes_one_bit_and_keeps_the_declared_digest(at: str) -> None:
    nonce = archives.new_nonce()
    whole, flipped = archives.good(nonce), archives.bit_flip(nonce, at=at)
    difference = [a ^ b for a, b in zip(whole.read(), flipped.read(), strict=True)]
    assert sum(value.bit_count() for value in difference) == 1
    assert flipped.declared_sha256 == whole.sha256 != flipped.sha256 == digest(flipped)


@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_bit_flip_breaks_the_zip_itself(at: str) -> None:
    assert zip_fault(archives.bit_flip(at=at, honest=True).read()) is not None


def test_truncated_declares_the_half_or_the_whole() -> None:
    nonce = archives.new_nonce()
    honest, tampered = archives.truncated(nonce), archives.truncated(nonce, honest=False)
    assert honest.declared_sha256 == honest.sha256 == tampered.sha256
    assert tampered.declared_sha256 == archives.good(nonce).sha256
    assert zip_fault(honest.read()) is not None


@pytest.mark.parametrize("make", [archives.text_named_zip, archives.exe_named_zip, archives.eicar_bare, archives.empty])
def test_what_is_no_zip_is_no_zip(make: Callable[[], Archive]) -> None:
    assert zip_fault(make().read()) is not None


@pytest.mark.parametrize(
    "make",
    [
        archives.good,
        archives.truncated,
        archives.bit_flip,
        archives.text_named_zip,
        archives.exe_named_zip,
        archives.eicar_zip,
        lambda nonce: archives.of_exact_size(300_000, nonce),
    ],
)
def test_nonce_is_readable_near_the_start(make: Callable[[bytes], Archive]) -> None:
    nonce = archives.new_nonce()
    assert nonce in make(nonce).read()[:4096]


def test_eicar_is_the_known_file_and_in_a_member() -> None:
    assert hashlib.md5(archives.eicar()).hexdigest() == "44d88612fea8a8f36de82e1278abb02f"
    with zipfile.ZipFile(io.BytesIO(archives.eicar_zip().read())) as archive:
        assert archive.read("eicar.com") == archives.eicar()


def test_eicar_string_is_in_no_file_of_ours() -> None:
    assert archives.eicar() not in Path(archives.__file__).read_bytes()
