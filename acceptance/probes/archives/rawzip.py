"""Write zip records byte by byte, for archives that `zipfile` refuses to write.

Layout as in PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.14 to 4.3.16.
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
        flags: General purpose bits, beside that of a UTF-8 name.
        local_name: The name in the header before the data, where it is not the directory's.
    """

    name: bytes
    packed_size: int
    size: int
    crc: int
    method: int = STORED
    mode: int = FILE_MODE
    flags: int = 0
    local_name: bytes | None = None

    @classmethod
    def stored(cls, name: bytes, data: bytes, mode: int = FILE_MODE) -> Entry:
        """Describe an uncompressed member truthfully."""
        return cls(name, len(data), len(data), zlib.crc32(data), STORED, mode)

    def _shared(self, name: bytes) -> bytes:
        flags = self.flags | (0 if name.isascii() or not _is_utf8(name) else _UTF8_NAME)
        sizes = (self.crc, self.packed_size, self.size)
        return struct.pack("<HHHHHLLLHH", 20, flags, self.method, 0, _DATE, *sizes, len(name), 0)

    def local(self) -> bytes:
        """Return the header that stands before the member's data."""
        name = self.name if self.local_name is None else self.local_name
        return b"PK\x03\x04" + self._shared(name) + name

    def central(self, offset: int) -> bytes:
        """Return the directory's record of a member of which the local header begins at `offset`."""
        made_by_unix = struct.pack("<H", 3 << 8 | 20)
        tail = struct.pack("<HHHLL", 0, 0, 0, self.mode << 16, offset)
        return b"PK\x01\x02" + made_by_unix + self._shared(self.name) + tail + self.name


def end(count: int, directory_size: int, directory_offset: int) -> bytes:
    """Return the record that ends a zip."""
    return b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, directory_size, directory_offset, 0)


def end64(count: int, directory_size: int, directory_offset: int, own_offset: int) -> bytes:
    """Return the records that end a zip64, to stand at `own_offset` and before the plain end."""
    sizes = struct.pack("<QQQQ", count, count, directory_size, directory_offset)
    record = b"PK\x06\x06" + struct.pack("<QHHLL", 44, 3 << 8 | 45, 45, 0, 0) + sizes
    return record + b"PK\x06\x07" + struct.pack("<LQL", 0, own_offset, 1)


def laid_out(members: Sequence[tuple[Entry, bytes]], start: int = 0) -> tuple[bytes, list[bytes]]:
    """Write members and their data one after the other from `start`, and each one's record of the directory."""
    body, records = bytearray(), []
    for entry, data in members:
        records.append(entry.central(start + len(body)))
        body += entry.local() + data
    return bytes(body), records


def assemble(members: Sequence[tuple[Entry, bytes]], start: int = 0) -> bytes:
    """Write a whole zip, which begins at `start` of its file."""
    body, records = laid_out(members, start)
    directory = b"".join(records)
    return body + directory + end(len(records), len(directory), start + len(body))


def marked(nonce: bytes, *members: tuple[Entry, bytes]) -> list[tuple[Entry, bytes]]:
    """Give the members of an upload, first the one that holds its nonce uncompressed."""
    return [(Entry.stored(b"nonce.txt", nonce), nonce), *members]


def stored_zip(nonce: bytes, *members: tuple[bytes, bytes, int]) -> bytes:
    """Write an upload with uncompressed members `(name, data, mode)`."""
    return assemble(marked(nonce, *((Entry.stored(name, data, mode), data) for name, data, mode in members)))


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
