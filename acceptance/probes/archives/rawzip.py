"""Write zip records byte by byte, for archives that `zipfile` refuses to write.

Layout as in PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16; without zip64.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

STORED, DEFLATED = 0, 8
FILE_MODE, LINK_MODE, FOLDER_MODE = 0o100644, 0o120777, 0o040755
_DATE = (2025 - 1980) << 9 | 1 << 5 | 1  # fixed, so that equal content gives an equal digest
_UTF8_NAME = 0x800


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as its headers describe it.

    Attributes:
        name: Raw name; marked as UTF-8 when it is.
        packed_size: Bytes that follow the local header.
        size: Bytes after decompression, as claimed.
        crc: CRC-32 of the decompressed bytes, as claimed.
        method: `STORED` or `DEFLATED`.
        mode: Unix file type and permissions.
    """

    name: bytes
    packed_size: int
    size: int
    crc: int
    method: int = STORED
    mode: int = FILE_MODE

    @classmethod
    def stored(cls, name: bytes, data: bytes, mode: int = FILE_MODE) -> Entry:
        """Describe an uncompressed member truthfully."""
        return cls(name, len(data), len(data), zlib.crc32(data), STORED, mode)

    def _shared(self) -> bytes:
        flags = 0 if self.name.isascii() or not _is_utf8(self.name) else _UTF8_NAME
        sizes = (self.crc, self.packed_size, self.size)
        return struct.pack("<HHHHHLLLHH", 20, flags, self.method, 0, _DATE, *sizes, len(self.name), 0)

    def local(self) -> bytes:
        """Return the header that stands before the member's data."""
        return b"PK\x03\x04" + self._shared() + self.name

    def central(self, offset: int) -> bytes:
        """Return the directory's record of a member of which the local header begins at `offset`."""
        made_by_unix = struct.pack("<H", 3 << 8 | 20)
        tail = struct.pack("<HHHLL", 0, 0, 0, self.mode << 16, offset)
        return b"PK\x01\x02" + made_by_unix + self._shared() + tail + self.name


def end(count: int, directory_size: int, directory_offset: int) -> bytes:
    """Return the record that ends a zip."""
    return b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, directory_size, directory_offset, 0)


def assemble(members: Sequence[tuple[Entry, bytes]]) -> bytes:
    """Write members and their data one after the other, and the directory."""
    body, directory = bytearray(), bytearray()
    for entry, data in members:
        directory += entry.central(len(body))
        body += entry.local() + data
    return bytes(body + directory + end(len(members), len(directory), len(body)))


def stored_zip(*members: tuple[bytes, bytes, int]) -> bytes:
    """Write a zip of uncompressed members `(name, data, mode)`."""
    return assemble([(Entry.stored(name, data, mode), data) for name, data, mode in members])


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
