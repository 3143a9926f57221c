"""Receive a multipart upload: every file goes straight to a private file on disk, hashed and counted on its way.

At most about one megabyte of an upload is in memory. Hashing and writing run in a thread, so that they do not hold
up the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from lab.api import disposition
from lab.api.incoming import KINDS, IncomingFile
from lab.api.refusal import Refusal
from lab.shape import current

MAX_FIELD = 1 << 16  # bytes
MAX_PARTS = 32
MAX_HEADER = 1 << 16  # bytes; a longer one cannot be judged and is refused as a broken form
IDLE_SECONDS = 30.0
_FLUSH = 1 << 19


@dataclass(frozen=True)
class Guards:
    """What is asked of each part as soon as it is known; each raises Refusal.

    Attributes:
        name: given a file's field, a file name, and whether every reader takes it for the name.
        value: given a plain field, its value, and whether the form had the field already.
        size: given a file's field and the bytes seen so far; `ended` tells whether it is complete.
        end: told after the last byte whether the form came to its end.
    """

    name: Callable[[str, str, bool], None]
    value: Callable[[str, str, bool], None]
    size: Callable[[str, int, bool], None]
    end: Callable[[bool], None]


@dataclass
class Upload:
    """What a request brought: plain fields, and files by kind (`new`, `previous`, `logs`)."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, IncomingFile] = field(default_factory=dict)
    complete: bool = False

    def discard(self) -> None:
        """Remove from the incoming folder what was not moved to its place."""
        for file in self.files.values():
            file.close()
            file.path.unlink(missing_ok=True)


class _Form:
    """The parser's callbacks: sorts parts into an Upload."""

    def __init__(self, upload: Upload, folder: Path, guards: Guards) -> None:
        self.upload, self.folder, self.guards = upload, folder, guards
        self.ended = False
        self._parts = 0
        self._header, self._headers = [bytearray(), bytearray()], dict[bytes, bytes]()
        self._field, self._text = "", bytearray()
        self._file: IncomingFile | None = None

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refusal(422, "too many form fields")
        self._headers, self._text, self._file = {}, bytearray(), None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def on_headers_finished(self) -> None:
        part = disposition.parse(self._headers.get(b"content-disposition", b""))
        self._field = current().contract_field("butler-api", part.field)
        if not part.file_names:
            return
        for name in part.file_names:
            self.guards.name(self._field, name, name in part.plain)
        if self._field not in KINDS or KINDS[self._field] in self.upload.files:
            raise Refusal(422, "unexpected file in the form")
        self._file = IncomingFile(self.folder, self._field, part.file_names[0])
        self.upload.files[self._file.kind] = self._file

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > MAX_FIELD:
                self._keep_text()
                raise Refusal(422, "a form field is too long")
            return
        self._file.size += end - start
        self.guards.size(self._file.field, self._file.size, False)
        self._file.buffer += memoryview(data)[start:end]

    def on_part_end(self) -> None:
        if self._file is None:
            self._keep_text()
            return
        self._file.ended = True
        self.guards.size(self._file.field, self._file.size, True)

    def on_end(self) -> None:
        self.ended = True

    def _keep_text(self) -> None:
        value = self._text.decode("utf-8", "surrogateescape")
        self.guards.value(self._field, value, self._field in self.upload.fields)
        self.upload.fields[self._field] = value


async def receive(
    upload: Upload,
    body: AsyncIterator[bytes],
    content_type: str,
    folder: Path,
    guards: Guards,
    idle_s: float = IDLE_SECONDS,
) -> None:
    """Read the request's body into `upload`; on any way out the caller discards it.

    Raises:
        Refusal: a guard's, or 400 for what is no multipart form or ends before its end, 408 for a silent client.
    """
    form = _Form(upload, folder, guards)
    parser = _parser(content_type, form)
    try:
        async with asyncio.timeout(idle_s) as idle:
            async for piece in body:
                parser.write(piece)
                for file in list(upload.files.values()):
                    if len(file.buffer) >= _FLUSH or (file.ended and not file.closed):
                        await asyncio.to_thread(file.flush)
                idle.reschedule(asyncio.get_running_loop().time() + idle_s)
    except MultipartParseError:
        raise Refusal(400, "malformed multipart body") from None
    except TimeoutError:
        raise Refusal(408, "nothing received for too long") from None
    upload.complete = True
    guards.end(form.ended)
    for file in upload.files.values():
        if not file.closed:  # cut off, and taken all the same
            file.ended = True
            await asyncio.to_thread(file.flush)


def _parser(content_type: str, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Refusal(415, "expected multipart/form-data")
    names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end")
    callbacks = {f"on_{name}": getattr(form, f"on_{name}") for name in (*names, "headers_finished", "end")}
    return MultipartParser(boundary, callbacks, max_header_count=16, max_header_size=MAX_HEADER)  # type: ignore[arg-type]
