"""Send an archive to the review API, well or badly formed, and say what came back (target contract, "HTTP")."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from acceptance import tally
from acceptance.probes.archives.archives import Archive, good
from acceptance.probes.http import raw
from acceptance.probes.http.client import Called, trace
from acceptance.probes.http.exchange import BODY_LIMIT, Exchange
from acceptance.probes.http.multipart import Content, Framing, Multipart, Part
from acceptance.probes.http.under_way import Requests
from acceptance.target.naming import HttpNames

REVIEWS_PATH = "/api/v1/reviews"
_CONTRACT = HttpNames()
CREATED = 201
OF_ARCHIVE = "of the archive"
"""Stands for the digest that the archive says a client would declare."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One `POST /api/v1/reviews`. Identifiers and file names are sent as they are: text as UTF-8, bytes raw.

    Attributes:
        student_id: Field `student_id`.
        assignment_id: Field `assignment_id`.
        archive: Body of `new_zip`.
        new_commit: Field `new_commit`.
        declared_sha256: Field `new_zip_sha256`; `None` leaves it out, by default what the archive declares.
        filename: File name of `new_zip`; `None` leaves it out.
        filename_star: RFC 5987 file name of `new_zip`.
        extra: Further parts, such as `old_zip` and `logs_zip`.
        left_out: A field that is not sent.
        raw_head: What follows the name of `new_zip`, as it is.
        framing: What stands around the parts.
    """

    student_id: str | bytes
    assignment_id: str | bytes
    archive: Archive
    new_commit: str | bytes = "0" * 39 + "1"
    declared_sha256: str | None = OF_ARCHIVE
    filename: str | bytes | None = "new.zip"
    filename_star: str | bytes | None = None
    extra: tuple[Part, ...] = ()
    left_out: str = ""
    raw_head: bytes = b""
    framing: Framing = field(default_factory=Framing)

    def form(self, names: HttpNames = _CONTRACT) -> Multipart:
        """Encode the upload. The digest goes before the file, so that a service can check while it reads."""
        digest = digest_of(self.archive, self.declared_sha256)
        fields = {b"student_id": self.student_id, b"assignment_id": self.assignment_id, b"new_commit": self.new_commit}
        if digest is not None:
            fields[b"new_zip_sha256"] = digest
        parts = [Part(name, Content.of(value)) for name, value in fields.items()]
        new_zip = replace(
            file_part(b"new_zip", self.archive, self.filename, self.filename_star), raw_head=self.raw_head
        )
        named = [replace(part, name=_named(part.name, names)) for part in (*parts, new_zip, *self.extra)]
        named = [part for part in named if not self.left_out or part.name != names.field(self.left_out).encode()]
        return Multipart(named, self.framing)


def digest_of(archive: Archive, declared_sha256: str | None) -> str | None:
    """Give the digest that is declared with an archive; None for none."""
    return archive.declared_sha256 if declared_sha256 == OF_ARCHIVE else declared_sha256


def file_part(
    name: bytes, archive: Archive, filename: str | bytes | None, filename_star: str | bytes | None = None
) -> Part:
    """Make the part of a file field from an archive."""
    content = Content(archive.size, archive.chunks)
    return Part(name, content, _raw(filename), _raw(filename_star), b"application/zip")


def upload_in(field: str, student_id: str, archive: Archive, declared_sha256: str | None = OF_ARCHIVE) -> Upload:
    """Make an upload that holds an archive in this file field, beside a good one where that is not `new_zip`."""
    if field == "new_zip":
        return Upload(student_id, "hw02", archive, declared_sha256=declared_sha256)
    return Upload(student_id, "hw02", good(), extra=(file_part(field.encode(), archive, f"{field}.zip"),))


@dataclass(frozen=True, slots=True)
class Uploader:
    """Sends uploads to one deployment. Holds no connection, so threads may share it.

    Attributes:
        base_url: The API's address, with or without a trailing slash.
        timeout_s: Seconds for one whole upload, from connecting to the end of the answer.
        trace_header: Header that carries the trace id: W3C `traceparent`, or a header with the bare id.
        path: The route.
        headers: Sent with every upload, for example a login.
        trace_prefix: First hex digits of every trace id, so that log lines of this run can be told from others'.
        names: What the service calls the route and the fields; uploads and answers are in the contract's names.
        taken: The status by which the service says that it took one; it is the contract's 201 in what `send` gives.
        requests: Where uploads are noted while they are under way.
    """

    base_url: str
    timeout_s: float = 30.0
    trace_header: str = "traceparent"
    path: str = REVIEWS_PATH
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace_prefix: str = ""
    names: HttpNames = field(default_factory=HttpNames)
    taken: int = CREATED
    requests: Requests = field(default_factory=Requests, repr=False)

    @property
    def url(self) -> str:
        """Full address of the upload route."""
        return self.base_url.rstrip("/") + self.names.path(self.path)

    def send(self, upload: Upload) -> Exchange:
        """Upload with a true Content-Length, streamed in 64 KiB chunks."""
        return self.send_raw(upload)

    def read(self, exchange: Exchange) -> Called:
        """Decode an answer, in the contract's names."""
        return Called.of(exchange, self.names, exchange.body)

    def send_raw(
        self,
        upload: Upload,
        *,
        content_length: int | None = None,
        chunked: bool = False,
        patience_s: float = raw.PATIENCE_S,
    ) -> Exchange:
        """Upload with control over how the body's length is told.

        Args:
            upload: What to send; the body itself is always sent whole, until the server answers or closes.
            content_length: A Content-Length that lies; too small or too large. By default the true one.
            chunked: Send chunked, without any length (`content_length` is then ignored).
            patience_s: As of `raw.request`.

        Returns:
            The exchange; with `error` set and no status when no answer came before `timeout_s`.
        """
        form = upload.form(self.names)
        trace_id, header = trace(self.trace_header, self.trace_prefix)
        headers = {**self.headers, "Accept": "application/json", "Content-Type": form.content_type, **header}
        if not chunked:
            headers["Content-Length"] = str(form.length if content_length is None else content_length)
        with self.requests.noted(f"POST {self.url}", self.timeout_s):
            started = time.monotonic()
            deadline = started + self.timeout_s
            reply = raw.request(
                "POST", self.url, headers, form, deadline=deadline, chunked=chunked, patience_s=patience_s
            )
        tally.count(f"HTTP {reply.status or 'without an answer'}")
        status, reason = reply.status, reply.reason
        if self.taken != CREATED and status in (self.taken, CREATED):  # the contract's, which says another thing here
            status = CREATED if status == self.taken else self.taken
            reason = f"for the {reply.status} {reason} that was answered, as UPLOAD_STATUS is {self.taken}"
        return Exchange(
            method="POST",
            url=self.url,
            status=status,
            reason=reason,
            headers=reply.headers or {},
            body=reply.body[:BODY_LIMIT].decode("utf-8", "replace"),
            elapsed_s=time.monotonic() - started,
            sent_bytes=reply.sent_bytes,
            trace_id=trace_id,
            error=reply.error,
            detail_at=self.names.fields.get("detail", "detail"),
        )


def _named(name: bytes, names: HttpNames) -> bytes:
    """Give the deployment's name of a form's field; a hostile one stays as it is."""
    return names.field(name.decode()).encode() if name.isascii() else name


def _raw(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text
