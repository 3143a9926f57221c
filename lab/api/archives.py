"""Whether an uploaded file is a sound and harmless zip archive (checklist 21_01c.security.1 and .2).

Checked twice: the directory before the virus scan, cheap; every byte after it, streamed. Both are blocking:
run them in a thread. CWE-22 (zip-slip), CWE-59 (symlink members), CWE-409 (bombs).
"""

import stat
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from lab.api import tars
from lab.api.names import unsafe_member
from lab.api.refusal import Refusal, damaged, too_big, traversal
from lab.zips import BAD_DATA

MAX_MEMBERS = 2_000
MAX_UNPACKED = 1 << 30  # bytes
MAX_RATIO = 200
MAX_DEPTH = 2
RATIO_FROM = 1 << 20  # bytes unpacked from which the ratio counts: a few repeated log lines are no bomb
MAX_DIRECTORY = 1 << 20  # bytes of central directory; bounds the memory that zipfile takes to open it
NOT_UNDERSTOOD = "archive is encrypted or compressed by an unknown method"
_PIECE = 1 << 16
_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_BROKEN = (*BAD_DATA, IndexError)


@dataclass
class Budget:
    """What an archive, with all that is nested in it, may still unpack to."""

    packed: int
    members: int = field(default=0)
    unpacked: int = field(default=0)

    def add_members(self, count: int) -> None:
        """Count members. Raises Refusal over the limit."""
        self.members += count
        if self.members > MAX_MEMBERS:
            raise too_big("archive holds too many members")

    def add_bytes(self, count: int) -> None:
        """Count unpacked bytes. Raises Refusal over the limit or the ratio."""
        self.unpacked += count
        if self.unpacked > MAX_UNPACKED:
            raise too_big("archive unpacks to too much")
        if self.unpacked > max(RATIO_FROM, MAX_RATIO * self.packed):
            raise too_big("archive is compressed beyond the allowed ratio")


def check_directory(path: Path) -> None:
    """Judge an upload by its central directory only; what is no zip at all passes, `check_contents` refuses it.

    Raises:
        Refusal: hostile member names or kinds (also those of a tar in disguise), or the sizes of a bomb.
    """
    with path.open("rb") as file:
        archive = _open(file)
        if archive is None:
            file.seek(0)
            tars.check_members(file)
            return
        with archive:
            _judge(archive, Budget(path.stat().st_size), declared=True)


def check_contents(path: Path) -> None:
    """Read every byte of every member, to two levels of nesting; zipfile compares the CRCs.

    Raises:
        Refusal: no zip, damaged, encrypted, or a bomb whose directory lied.
    """
    with path.open("rb") as file:
        archive = _open(file)
        if archive is None:
            file.seek(0)
            if file.read(4) in _SIGNATURES:
                raise damaged("no readable central directory")
            raise Refusal(400, "not a zip archive")
        with archive:
            _read(archive, Budget(path.stat().st_size), path.parent, depth=0)


def _open(file: IO[bytes]) -> zipfile.ZipFile | None:
    """Open a zip within bounds of memory; None when it is none or its directory cannot be read."""
    try:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # the size that ZipFile is about to read
        if end and end[5] > MAX_DIRECTORY:
            raise too_big("archive holds too many members")
        return zipfile.ZipFile(file)
    except UnicodeDecodeError:
        raise traversal("archive member", "name is not UTF-8") from None
    except (*_BROKEN, OSError, NotImplementedError):
        return None


def _judge(archive: zipfile.ZipFile, budget: Budget, declared: bool) -> None:
    infos = archive.infolist()
    for info in infos:
        if reason := _hostile(info):
            raise traversal("archive member", reason)
    budget.add_members(len(infos))
    if declared:
        for info in infos:
            budget.add_bytes(info.file_size)


def _hostile(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if info.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "link" if stat.S_ISLNK(mode) else "special file"
    name = info.orig_filename  # ZipInfo.filename hides what follows a NUL
    reason = unsafe_member(name)
    if reason is None and not info.flag_bits & 0x800:  # without the UTF-8 flag the bytes were read as cp437
        reason = unsafe_member(name.encode("cp437", "replace").decode("utf-8", "replace"))
    return reason


def _read(archive: zipfile.ZipFile, budget: Budget, folder: Path, depth: int) -> None:
    for info in archive.infolist():
        if info.header_offset < 0:  # a damaged end record moves every member; seeking there is an OSError
            raise damaged("member")
        try:
            with archive.open(info) as member, _spool(folder) as spool:
                nested = _drain(member, spool, budget)
                inner = _open(spool) if nested else None
                if inner is None:
                    continue
                if depth == MAX_DEPTH:
                    raise too_big("archives are nested too deeply")
                with inner:
                    _judge(inner, budget, declared=False)
                    _read(inner, budget, folder, depth + 1)
        except zipfile.BadZipFile as error:
            if "differ" in str(error):  # the member's own header names it differently from the directory
                raise traversal("archive member", "two names") from None
            raise damaged("member") from None
        except (RuntimeError, NotImplementedError):
            raise Refusal(400, NOT_UNDERSTOOD) from None
        except _BROKEN:
            raise damaged("member") from None
        except OSError as error:
            if error.errno is not None:  # the disk's; bz2 reports bad data without a number
                raise
            raise damaged("member") from None


def _spool(folder: Path) -> IO[bytes]:
    return cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_PIECE, dir=str(folder)))


def _drain(member: IO[bytes], spool: IO[bytes], budget: Budget) -> bool:
    """Read a member to its end, counting; keep it in `spool` and say so if it looks like a zip archive."""
    piece = member.read(_PIECE)
    nested = piece[:4] in _SIGNATURES
    while piece:
        budget.add_bytes(len(piece))
        if nested:
            spool.write(piece)
        piece = member.read(_PIECE)
    return nested
