"""The archive guards on files: every damage is a refusal, never an error of the service."""

import bz2
import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from whole_lab import archive

from lab.api import archives
from lab.api.refusal import Refusal
from lab.worker.log_analysis import analyse


@pytest.fixture
def judge(tmp_path: Path) -> Callable[[bytes], str]:
    """Judge bytes as the service does; `accepted`, or the event of the refusal."""

    def judged(content: bytes) -> str:
        file = tmp_path / "upload"
        file.write_bytes(content)
        try:
            archives.check_directory(file)
            archives.check_contents(file)
        except Refusal as refusal:
            return refusal.event if 400 <= refusal.status < 500 else "server error"
        return "accepted"

    return judged


@pytest.mark.parametrize("compress", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_flipped_bit_is_refused_or_harmless(judge: Callable[[bytes], str], compress: int) -> None:
    content = archive(("a.txt", b"sound " * 40), ("d/b.txt", b"x"), compress=compress)
    events = {
        judge(content[:i] + bytes([content[i] ^ bit]) + content[i + 1 :])
        for i in range(len(content))
        for bit in (1, 64, 128)
    }
    assert events <= {"accepted", "checksum_failed", "path_traversal", "size_limit", "upload_rejected"}
    assert "checksum_failed" in events


def test_any_cut_is_refused(judge: Callable[[bytes], str]) -> None:
    content = archive(("a.txt", b"sound " * 40))
    assert {judge(content[:end]) for end in range(len(content))} == {"checksum_failed", "upload_rejected"}


def test_noise_is_no_zip(judge: Callable[[bytes], str]) -> None:
    noise = random.Random(1)
    assert {judge(noise.randbytes(size)) for size in range(0, 3000, 100)} == {"upload_rejected"}


def test_a_member_moved_behind_the_end_is_damage_and_no_traversal(judge: Callable[[bytes], str]) -> None:
    content = bytearray(archive(("a.txt", b"x" * 50), compress=zipfile.ZIP_STORED))
    offset = content.index(b"PK\x01\x02") + 42
    content[offset : offset + 4] = (1 << 20).to_bytes(4, "little")
    assert judge(bytes(content)) == "checksum_failed"


def test_a_member_with_two_names_is_a_traversal(judge: Callable[[bytes], str]) -> None:
    content = archive(("name/of/a.txt", b"x"), compress=zipfile.ZIP_STORED).replace(b"name/of", b"../../x", 1)
    assert judge(content) == "path_traversal"


def test_an_encrypted_member_is_refused(judge: Callable[[bytes], str]) -> None:
    content = bytearray(archive(("a.txt", b"x" * 50), compress=zipfile.ZIP_STORED))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert judge(bytes(content)) == "upload_rejected"


@pytest.mark.parametrize("method", [8, 9, 12, 14, 93, 95, 99])  # 93 is Zstandard, which Python 3.14 unpacks
def test_what_is_not_of_the_method_that_it_names_is_refused(
    judge: Callable[[bytes], str], tmp_path: Path, method: int
) -> None:
    content = bytearray(archive(("a.txt", b"x" * 50), compress=zipfile.ZIP_STORED))
    content[8] = method
    content[content.index(b"PK\x01\x02") + 10] = method
    assert judge(bytes(content)) in ("checksum_failed", "upload_rejected")
    (tmp_path / "logs.zip").write_bytes(content)
    assert analyse(tmp_path / "logs.zip")["status"] == "unreadable"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress], ids=["plain", "gzip", "bzip2"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.REGTYPE])
def test_a_hostile_tar_is_a_traversal(
    judge: Callable[[bytes], str], pack: Callable[[bytes], bytes], kind: bytes
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        info = tarfile.TarInfo("../x" if kind == tarfile.REGTYPE else "x")
        info.type, info.linkname = kind, "/etc/passwd"
        file.addfile(info)
    assert judge(pack(buffer.getvalue())) == "path_traversal"


def test_a_packed_tar_bomb_is_looked_at_within_bounds(judge: Callable[[bytes], str]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("zeros")
        info.size = 200 << 20
        file.addfile(info, io.BytesIO(bytes(info.size)))
    assert judge(buffer.getvalue()) == "upload_rejected"
