"""Encode multipart/form-data as it is given: hostile names go out raw.

Ordinary encoders escape quotes, control bytes and non-ASCII names, which is the very thing an attack on
the file name must not have done to it. The length is known before the first byte is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A part's body: its size in bytes, and a way to produce it, any number of times, in pieces."""

    size: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, data: bytes | str) -> Content:
        """Make the content from bytes at hand; text is sent as UTF-8."""
        raw = data.encode() if isinstance(data, str) else data
        return cls(len(raw), lambda: (raw,))


@dataclass(frozen=True, slots=True)
class Part:
    r"""One part of the form.

    Attributes:
        name: Field name.
        content: Body.
        filename: Sent between quotes as it is: `"`, `\`, NUL and line breaks are not escaped.
        filename_star: RFC 5987 value as it is, for example `UTF-8''..%2Fx.zip`.
        content_type: Sent when given.
        raw_head: What follows the name as it is, such as a second file name or another header.
    """

    name: bytes
    content: Content
    filename: bytes | None = None
    filename_star: bytes | None = None
    content_type: bytes | None = None
    raw_head: bytes = b""

    def head(self) -> bytes:
        """Return the part's headers with the empty line that ends them."""
        line = b'Content-Disposition: form-data; name="' + self.name + b'"'
        if self.filename is not None:
            line += b'; filename="' + self.filename + b'"'
        if self.filename_star is not None:
            line += b"; filename*=" + self.filename_star
        line += self.raw_head
        if self.content_type is not None:
            line += b"\r\nContent-Type: " + self.content_type
        return line + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """What stands around the parts of a form; by default a new boundary and nothing else.

    Attributes:
        boundary: Parts them.
        before: Sent before the first part, as it is.
        after: Sent after the end, as it is.
        declared: The request's Content-Type, where it is not the usual one.
    """

    boundary: bytes = b""
    before: bytes = b""
    after: bytes = b""
    declared: str = ""


class Multipart:
    """A whole form. Iterate it, as often as needed, for the body in chunks of at most 64 KiB."""

    def __init__(self, parts: Sequence[Part], framing: Framing = Framing()) -> None:
        self.parts, self.framing = tuple(parts), framing
        self.boundary = framing.boundary or b"acceptance-" + secrets.token_hex(16).encode()

    @property
    def content_type(self) -> str:
        """The request's Content-Type."""
        return self.framing.declared or f"multipart/form-data; boundary={self.boundary.decode('ascii')}"

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        opening = len(self.boundary) + 4  # two dashes and a line break
        closing = len(self.boundary) + 6 + len(self.framing.before) + len(self.framing.after)  # dashes, line break
        return sum(opening + len(part.head()) + part.content.size + 2 for part in self.parts) + closing

    def __iter__(self) -> Iterator[bytes]:
        return rechunked(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        yield self.framing.before
        for part in self.parts:
            yield b"--" + self.boundary + b"\r\n" + part.head()
            yield from part.content.chunks()
            yield b"\r\n"
        yield b"--" + self.boundary + b"--\r\n" + self.framing.after


def rechunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces and split large ones, so that each chunk but the last holds `CHUNK` bytes."""
    pending = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        while view:
            taken = view[: CHUNK - len(pending)]
            pending += taken
            view = view[len(taken) :]
            if len(pending) == CHUNK:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)
