"""Prove a refusal by its effect: nothing kept, nothing told, and the security event logged.

Source: checklist 21_01c.security.1 and .3; the contract's "A status code is not proof".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx

from acceptance.finding import Finding, Severity
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.polling import poll
from acceptance.probes.http.client import brief
from acceptance.probes.http.exchange import SERVER_VERSION, Exchange, leaks
from acceptance.probes.storage.refused_documents import TIDYING_S
from acceptance.probes.storage.snapshot import Tree, attribute, diff
from acceptance.probes.storage.uploads import Upload, Uploader
from acceptance.redact import cut

CONTRACT_STATUSES = (400, 422)
"""What the contract answers for a digest that does not match, a broken archive or a bad identifier."""
LOG_DELAY_S = 3.0
"""How long a log line may take from the answer to where we read it, in seconds."""
ANY = "any"
"""In an event's place: any warning or error will do, for a sound service may refuse for another reason first."""


@dataclass(frozen=True)
class Refusal:
    """What one upload that must be refused led to.

    Attributes:
        what: What was uploaded, in a few words.
        exchange: The answer.
        kept: Files in the storage that carry the upload's nonce or its student.
        events: Log events of this request.
        names_events: Whether the service logs the event that is asked for; the target file says so.
        form: What was sent, in pieces: an answer may echo it.
        by_service: Whether the service itself refused it: a request that breaks HTTP, or is too large for a proxy in
            front of it, may not come that far.
        after: The storage once the answer was there; it will do as the next upload's `before`.
        chunked: Whether it told no length: a server, or a proxy before it, may take no such upload at all (411).
    """

    what: str
    exchange: Exchange
    kept: tuple[Path, ...]
    events: tuple[str, ...]
    names_events: bool = True
    form: Iterable[bytes] = ()
    by_service: bool = True
    after: Tree | None = None
    chunked: bool = False

    def findings(self, event: str | None, status: int | None = None, sent_at_most: int | None = None) -> list[Finding]:
        """Name everything that is wrong; an empty list is a proper refusal.

        Args:
            event: The log event that must have been written, None where none is asked for.
            status: The exact status, by default one of those that the contract names for a bad upload.
            sent_at_most: Bytes that may be sent until the answer comes; None for a service that may wait for all.
        """
        if self.chunked and self.exchange.status == httpx.codes.LENGTH_REQUIRED:  # whatever its size
            return replace(self, by_service=False, chunked=False).findings(None, httpx.codes.LENGTH_REQUIRED)
        answer, found = self.exchange, []
        say = partial(Finding, subject=self.what)
        if self.kept:
            kept = f"kept in the storage: {', '.join(map(str, self.kept))}"
            found.append(say("accepted", expected="nothing kept", found=kept))
        wanted = CONTRACT_STATUSES if status is None else (status,)
        if answer.status not in wanted:
            kind = "wrong status" if answer.refused else "accepted"
            found.append(say(kind, expected=" or ".join(map(str, wanted)), found=brief(answer)))
        if sent_at_most is not None and answer.sent_bytes > sent_at_most:
            early = f"the answer before {sent_at_most:,} bytes are sent, for REFUSES_BY_LENGTH is true"
            found.append(say("read whole", expected=early, found=f"{answer.sent_bytes:,}", severity=Severity.MEDIUM))
        for leak in leaks(answer.body, form=self.form, addressed=answer.addressed):
            if self.by_service or not leak.startswith(SERVER_VERSION):  # a proxy may name itself
                told = f"the refusal tells {leak}: {cut(answer.body, 400)!r}"
                found.append(say("leaked", expected="no internals", found=told, severity=Severity.MEDIUM))
        if self.by_service and answer.refused and answer.detail is None:
            body = repr(cut(answer.body, 200))
            found.append(say("no detail", expected='the body {"detail": ...}', found=body, severity=Severity.LOW))
        if event and self.names_events and event not in self.events:
            what = "a warning or an error" if event == ANY else f"the log event {event}"
            logged, seen = f"{what} for trace {answer.trace_id}", str(list(self.events))
            found.append(say("not logged", expected=logged, found=seen, severity=Severity.LOW))
        return found


def left_of(uploader: Uploader, upload: Upload, root: Path, patience_s: float) -> list[Finding]:
    """Break an upload off, and name what is left of it in the storage once the service had time to notice.

    Args:
        uploader: Sends it.
        upload: One whose archive is longer than what it sends.
        root: The storage.
        patience_s: Seconds until nothing may be left.

    Raises:
        Inconclusive: The storage cannot be read.
    """
    before = Tree.of([root])
    answer = uploader.send_raw(upload, patience_s=0)  # who goes away waits for nothing
    left = poll(lambda: _its_own(upload, before, Tree.settled([root])), lambda paths: not paths, patience_s)
    subject, expected = upload.archive.description, "nothing kept of an upload that its client broke off"
    found = [Finding("kept", subject, expected, ", ".join(map(str, left)))] if left else []
    if answer.accepted:
        found.append(Finding("accepted", subject, "no good answer", brief(answer)))
    return found


def _its_own(upload: Upload, before: Tree, now: Tree) -> list[Path]:
    """Find what came about in the storage with an upload's nonce or its student."""
    nonces = {upload.archive.nonce: "upload"} if upload.archive.nonce else {}
    owned = attribute(diff(before, now), nonces, {_bytes(upload.student_id): "upload"})
    return owned.files().get("upload", [])


def try_upload(
    uploader: Uploader,
    upload: Upload,
    root: Path,
    logs: Logs,
    *,
    event: str | None,
    content_length: int | None = None,
    chunked: bool = False,
    by_service: bool = True,
    before: Tree | None = None,
) -> Refusal:
    """Send an upload that must be refused, and look at what it led to.

    Args:
        uploader: Sends it.
        upload: With a nonce or a student of its own, by which what is kept of it is known.
        root: The storage.
        logs: Of the service.
        event: The log event to wait for a little; None for none.
        content_length: As of `Uploader.send_raw`.
        chunked: As of `Uploader.send_raw`.
        by_service: As of `Refusal`.
        before: The storage at any moment before this; scanned now by default.

    Raises:
        Inconclusive: The storage or the log cannot be read.
    """
    start = datetime.now(UTC)
    before = before or Tree.of([root])
    answer = uploader.send_raw(upload, content_length=content_length, chunked=chunked)
    # The answer to a form that is cut short may be that to what came after it, before the form itself is kept.
    scan = Tree.of if content_length is None else Tree.settled

    def look() -> tuple[Tree, list[Path]]:
        now = scan([root])
        return now, _its_own(upload, before, now)

    taken = answer.status == httpx.codes.CREATED  # what was taken is kept, and nothing of it is to be tidied away
    after, kept = poll(look, lambda seen: taken or not seen[1], TIDYING_S)
    token = _bytes(upload.student_id).decode(errors="replace")
    wanted = event if event and logs.tells(event) else None
    events = events_of(logs, start, lambda line: line.trace_id == answer.trace_id or line.mentions(token), wanted)
    sound = by_service and content_length is None
    what = upload.archive.description
    return Refusal(what, answer, tuple(kept), events, bool(wanted), upload.form(), sound, after, chunked)


def events_of(logs: Logs, start: datetime, is_its: Callable[[LogLine], bool], wanted: str | None) -> tuple[str, ...]:
    """Give the events that belong to a request, waiting a little for the one that is wanted."""

    def tells(line: LogLine) -> bool:
        return line.is_warning if wanted == ANY else line.tells_of(str(wanted))

    def read() -> tuple[str, ...]:
        its = [line for line in logs.since(start) if is_its(line)]
        return tuple(wanted if wanted and tells(line) else line.event for line in its)

    found = poll(read, lambda found: wanted is None or wanted in found, LOG_DELAY_S)
    if wanted and wanted not in (ANY, *found):
        logs.since(start, [wanted])  # a log that names no events does not say that this one is missing
    return found


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
