"""Make zips that two readers read differently: a guard sees harmless members, an unpacker the hostile one.

By each of them the file is found at once in one of the readings, so that no order of guards is assumed.
"""

from __future__ import annotations

from acceptance.probes.archives import rawzip
from acceptance.probes.archives.rawzip import Entry, marked

Members = list[tuple[Entry, bytes]]


def zip_local(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip whose member has the hostile name before its data alone; the directory names it harmlessly."""
    entry = Entry(b"main.py", len(nonce), len(nonce), Entry.stored(b"", nonce).crc, local_name=payload)
    return rawzip.assemble(marked(nonce, (entry, nonce)))


def zip_first_end(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a hostile zip and behind it a good one: who looks for the end from the back sees the good one."""
    return _one_after_other(_hostile(payload, nonce), marked(nonce))


def zip_last_end(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a good zip and behind it a hostile one: who reads from the front sees the good one."""
    return _one_after_other(marked(nonce), _hostile(payload, nonce))


def zip_zip64(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip whose zip64 end leads to a directory with the hostile member, and the plain end to another."""
    return _two_directories(payload, nonce, hostile_in_zip64=True)


def zip_without_zip64(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make the same the other way round: who knows no zip64 finds the hostile member."""
    return _two_directories(payload, nonce, hostile_in_zip64=False)


def _hostile(payload: bytes, nonce: bytes) -> Members:
    return marked(nonce, (Entry.stored(payload, nonce), nonce))


def _one_after_other(first: Members, last: Members) -> bytes:
    front = rawzip.assemble(first)
    return front + rawzip.assemble(last, len(front))


def _two_directories(payload: bytes, nonce: bytes, *, hostile_in_zip64: bool) -> bytes:
    harmless = (Entry.stored(b"main.py", nonce), nonce)
    body, (common, good, hostile) = rawzip.laid_out(marked(nonce, harmless, *_hostile(payload, nonce)[1:]))
    by_zip64, plain = (hostile, good) if hostile_in_zip64 else (good, hostile)
    start = len(body) + len(common + plain)
    own = start + len(common + by_zip64)
    ends = rawzip.end64(2, len(common + by_zip64), start, own) + rawzip.end(2, len(common + plain), len(body))
    return body + common + plain + common + by_zip64 + ends
