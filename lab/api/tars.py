"""A tar under a .zip name is refused as no zip; a hostile one is a security event (tar-slip, CWE-22, CWE-59)."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, Any

from lab.api.names import unsafe_member
from lab.api.refusal import traversal

MAX_READ = 32 << 20  # bytes of tar to read through, unpacked
MAX_MEMBERS = 2_000
_PACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_UNREADABLE = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


class _Bounded:
    """A reader that ends after MAX_READ bytes, so that a packed bomb costs little."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._left = source, MAX_READ

    def read(self, size: int) -> bytes:
        """Read on, at most what is left of the bound."""
        data = self._source.read(min(size, self._left))
        self._left -= len(data)
        return data


def check_members(file: IO[bytes]) -> None:
    """Look for hostile members if `file` is a tar, plain or packed; anything else passes.

    Raises:
        Refusal: a traversal: a member or the target of a link leads out.
    """
    packer = _PACKERS.get(file.read(2))
    file.seek(0)
    try:
        source = packer(file) if packer else file
        with tarfile.open(fileobj=_Bounded(source), mode="r|") as tar:  # type: ignore[call-overload]
            for count, member in enumerate(tar):
                if reason := _hostile(member):
                    raise traversal("archive member", reason)
                if count > MAX_MEMBERS:
                    return
    except _UNREADABLE:
        return


def _hostile(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "link"
    if not (member.isfile() or member.isdir()):
        return "special file"
    return unsafe_member(member.name)
