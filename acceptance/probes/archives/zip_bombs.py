"""Make zip bombs: small on the wire, huge unpacked. A service must refuse each before it unpacks it.

None is larger than 1 MB and none takes a second to write. All but the many empty members unpack to at least
768 MiB. Source: CWE-409, and D. Fifield, "A better zip bomb" (USENIX WOOT 2019) for the overlapping members.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping

from acceptance.probes.archives import rawzip
from acceptance.probes.archives.archives import Archive, new_nonce
from acceptance.probes.archives.rawzip import DEFLATED, FILE_MODE, Entry

MIB = 1024 * 1024
_CRC = {64 * MIB: 0xB2EB30ED, 256 * MIB: 0x2A0E7DBB, 768 * MIB: 0x95073EDD}
"""Of so many zero bytes; worked out anew they would take half a second of the time that a flag is on."""


@functools.cache
def _zeros(size: int) -> tuple[bytes, int]:
    """Deflate zero bytes, as many as one of the sizes above, and give their CRC.

    After a full flush deflate starts afresh on a byte's edge, so that one block can simply be repeated.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size // MIB) + b"\x03\x00", _CRC[size]  # an empty last block


def _member(name: bytes, size: int, claimed: int | None = None) -> tuple[Entry, bytes]:
    packed, crc = _zeros(size)
    return Entry(name, len(packed), size if claimed is None else claimed, crc, DEFLATED), packed


def _with_nonce(nonce: bytes, *members: tuple[Entry, bytes]) -> bytes:
    return rawzip.assemble(rawzip.marked(nonce, *members))


def _ratio(nonce: bytes) -> bytes:
    return _with_nonce(nonce, _member(b"zeros.bin", 768 * MIB))


def _spread(nonce: bytes) -> bytes:
    return _with_nonce(nonce, *(_member(b"part-%02d.bin" % n, 64 * MIB) for n in range(14)))


def _many_members(nonce: bytes) -> bytes:
    return _with_nonce(nonce, *((Entry.stored(b"%05d" % n, b""), b"") for n in range(11_000)))


def _overlapping(nonce: bytes) -> bytes:
    entry, packed = _member(b"shared.bin", 64 * MIB)
    first, records = rawzip.laid_out(rawzip.marked(nonce))
    body = first + entry.local() + packed
    directory = records[0] + 250 * entry.central(len(first))
    return body + directory + rawzip.end(251, len(directory), len(body))


def _nested(nonce: bytes) -> bytes:
    inner = rawzip.assemble([_member(b"zeros.bin", 64 * MIB)])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(inner) + packer.flush()
    crc = zlib.crc32(inner)
    entries = (Entry(b"inner-%02d.zip" % n, len(packed), len(inner), crc, DEFLATED) for n in range(64))
    return _with_nonce(nonce, *((entry, packed) for entry in entries))


def _nested_stored(nonce: bytes) -> bytes:
    inner = rawzip.assemble([_member(b"zeros.bin", 768 * MIB)])
    return rawzip.stored_zip(nonce, (b"inner.zip", inner, FILE_MODE))


def _lying_size(nonce: bytes) -> bytes:
    return _with_nonce(nonce, _member(b"small.txt", 768 * MIB, claimed=1000))


def _lying_size_zero(nonce: bytes) -> bytes:
    return _with_nonce(nonce, *(_member(b"empty-%d.txt" % n, 256 * MIB, claimed=0) for n in range(3)))


_BUILDERS: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "ratio": (_ratio, "one member of 768 MiB, compressed a thousand to one"),
    "spread": (_spread, "14 members of 64 MiB"),
    "many-members": (_many_members, "11,000 empty members"),
    "overlapping": (_overlapping, "250 directory records of the same 64 MiB"),
    "nested": (_nested, "64 zips of 64 MiB each in a zip, which itself looks modest"),
    "nested-stored": (_nested_stored, "a zip of 768 MiB stored in a zip, ratio of the outer one 1"),
    "lying-size": (_lying_size, "768 MiB that claim to be 1,000 bytes"),
    "lying-size-zero": (_lying_size_zero, "three times 256 MiB that claim to be empty"),
}
KINDS = tuple(_BUILDERS)


def bomb(kind: str, nonce: bytes | None = None) -> Archive:
    """Build a bomb of one of the `KINDS`.

    Raises:
        KeyError: On a kind that does not exist.
    """
    build, description = _BUILDERS[kind]
    nonce = nonce or new_nonce()
    return Archive.of(f"bomb-{kind}", build(nonce), description, nonce)
