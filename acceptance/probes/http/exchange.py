"""Describe one HTTP request and its answer, and find internals in a refusal's body."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from acceptance.redact import cut
from acceptance.target.naming import at

BODY_LIMIT = 1 << 20
"""Bytes of a response body that are read and judged: a refusal may echo what was sent."""
SHOWN = 4096
"""Characters of it that go into the record."""

_PRIVATE_HOST = r"(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01])|127\.\d{1,3})(?:\.\d{1,3}){2}"
SERVER_VERSION = "version of a server"
_INTERNALS: tuple[tuple[str, str], ...] = (
    (
        "stack trace",
        r"Traceback \(most recent call last\)|\n\s+at (?:async |new )?[\w$.<>]+ ?\(|goroutine \d+ \["
        r"|\bnode:[a-z_/]+:\d",
    ),
    ("source line", r"\bFile \"[^\"]+\"|\bline \d+\b|\b[\w/-]+\.(?:py|go|java|rs|rb|php|[cm]?[jt]sx?):\d+\b"),
    (
        "absolute path",
        r"(?<![\w.:/])/(?:app|bin|boot|code|data|dev|etc|home|lib|lib64|mnt|opt|private|proc|root|run|srv|sys|tmp"
        r"|usr|Users|var|workspace)(?:/[^\s\"'<>,;:)]*)+|(?<!\w)[A-Za-z]:\\\\?\w|\bfile://\S",
    ),
    ("private address", rf"(?<![\d.]){_PRIVATE_HOST}(?![\d.])|\blocalhost:\d+|(?<![\w:])::1\b"),
    ("database address", r"\b(?:mongodb(?:\+srv)?|postgres(?:ql)?|redis|amqp)://\S+"),
    ("module path", r"\b(?:src|app|lab|butler|starlette|fastapi|uvicorn|pymongo|motor|pydantic)(?:\.[a-z_]\w*){2,}"),
    ("exception class", r"\b(?:[A-Z]\w+(?:Error|Exception)|Errno \d+)\b"),
    (
        "error of the system",
        r"\bE(?:ACCES|PERM|NOENT|EXIST|NOSPC|DQUOT|ROFS|IO|MFILE|NOTDIR|ISDIR|PIPE|CONN(?:REFUSED|RESET|ABORTED)|TIMEDOUT"
        r"|HOSTUNREACH|AI_AGAIN|NOTFOUND)\b|\bE11000\b|\bCannot read propert\w+ of (?:undefined|null)\b",
    ),
    ("object address", r"\bat 0x[0-9a-f]{6,}\b"),
    (SERVER_VERSION, r"\b(?:Python|nginx|uvicorn|gunicorn|Werkzeug|aiohttp)/\d[\w.]*"),
)
_PATTERNS = tuple((label, re.compile(pattern)) for label, pattern in _INTERNALS)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        method: HTTP method.
        url: Full address of the request.
        status: Status code, `None` when no answer came.
        reason: Reason phrase of the status line, may be empty.
        headers: Answer's headers, names in lower case.
        body: Answer's body as text, cut at `BODY_LIMIT` bytes.
        elapsed_s: Seconds from the first byte sent to the end of the answer (or to giving up).
        sent_bytes: Bytes of the request body that were handed to the socket.
        trace_id: The 32 hex digits under which the service logs this request.
        error: Why no answer came, `None` when one did.
        detail_at: Where the service tells the contract's `detail`, with dots between nested names; empty where it does
            not.
    """

    method: str
    url: str
    status: int | None
    reason: str
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)
    elapsed_s: float
    sent_bytes: int
    trace_id: str
    error: str | None = None
    detail_at: str = "detail"

    @property
    def refused(self) -> bool:
        """Whether the service, or what stands before it, says that it does not want this request's content.

        Named one by one: 401, 404, 405, 408 and 429 would answer a good upload too, and any other 4xx means something
        else (421, 423, 451 ...), so that who answers it has not said no to what was sent.
        """
        return self.status in {400, 403, 411, 413, 414, 415, 422, 431}

    @property
    def accepted(self) -> bool:
        """Whether the service took the request."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def detail(self) -> object:
        """The contract's `detail` of a refusal, `None` when the body is not `{"detail": ...}`."""
        return at(_decoded(self.body), self.detail_at) if self.detail_at else self.body

    @property
    def addressed(self) -> tuple[str, str]:
        """Where the request was sent: address and path. A refusal may repeat them, as problem+json does."""
        return self.url, urlsplit(self.url).path

    def as_json(self) -> dict[str, object]:
        """Give the facts for the record, where a long body is cut."""
        return asdict(self) | {"body": cut(self.body, SHOWN)}

    def explain(self) -> str:
        """Say in one or two lines what happened, for an assertion's message."""
        did = f"{self.method} {self.url} ({self.sent_bytes} body bytes, {self.elapsed_s:.2f} s, trace {self.trace_id})"
        if self.error is not None:
            return f"{did}\nno answer: {self.error}"
        body = cut(self.body, 200)
        leads = f" leads to {self.headers['location']}" if "location" in self.headers else ""
        return f"{did}\nanswered {self.status} {self.reason}".rstrip() + f"{leads}: {body!r}"


def leaks(
    body: str,
    *,
    sent: Iterable[str] = (),
    form: Iterable[bytes] = (),
    private: Sequence[str] = (),
    addressed: Collection[str] = (),
) -> list[str]:
    """Name the internals found in a refusal's body.

    The target contract wants `{"detail": "..."}` with no stack trace, path, address or secret.

    Args:
        body: The answer's body.
        sent: Texts which the request itself held; an echo of them is no leak.
        form: The request's body in pieces, such as an archive; an echo of any part of it is none either.
        private: Texts which may never appear, such as the storage root or a secret.
        addressed: Where the request was sent: a text that is all of that is no leak, and one that goes on may be.

    Returns:
        One `kind: what was found` for each kind; empty when the body is clean.
    """
    decoded = _decoded(body)  # undoes JSON's escapes, so that an echo compares equal
    texts = [body] if decoded is None else [text for text in _strings(decoded) if text not in addressed]
    echoes = sorted(filter(None, sent), key=len, reverse=True)
    if not _told("\n".join(_without(text, echoes) for text in texts), private):
        return []
    pieces = [(_without(piece, echoes), piece) for text in texts for piece in text.split("\ufffd")]
    foreign = [piece for piece, whole in pieces if _told(piece, private) and not _is_echo(whole, form)]
    return _told("\n".join(foreign), private)


def _without(text: str, echoes: Iterable[str]) -> str:
    for echo in echoes:
        text = text.replace(echo, "<echo>")
    return text


def _decoded(body: str) -> object:
    """Decode JSON, also where we have cut it within a text of it; None for anything else."""
    ends = [""]
    if len(body.encode(errors="replace")) > BODY_LIMIT - 4:  # half a character may be lost
        body, ends = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?$", "", body), ['"}', '"]}', '"}]}', '"}}', '"}}]}']
    for end in ends:
        with contextlib.suppress(ValueError):
            return json.loads(body + end)
    return None


def _told(text: str, private: Sequence[str]) -> list[str]:
    found = {label: pattern.search(text) for label, pattern in _PATTERNS}
    internals = [f"{label}: {match.group(0).strip()[:120]}" for label, match in found.items() if match]
    return [f"private text: {secret}" for secret in private if secret and secret in text] + internals


def _is_echo(text: str, form: Iterable[bytes]) -> bool:
    """Tell whether a text is a part of what was sent, as it is or as Python shows bytes."""
    return any(_holds(form, reading) for reading in _readings(text) if reading)


def _readings(text: str) -> Iterator[bytes]:
    yield text.encode(errors="surrogateescape")
    try:
        yield text.encode("latin-1")
        literal = ast.literal_eval(text)
        yield literal if isinstance(literal, bytes) else b""
    except (ValueError, SyntaxError):
        return


def _holds(pieces: Iterable[bytes], wanted: bytes) -> bool:
    """Search pieces one by one, also over their seams."""
    before = b""
    for piece in pieces:
        if wanted in (window := before + piece):
            return True
        before = window[-len(wanted) + 1 :]
    return False


def _strings(value: object) -> Iterable[str]:
    """Yield every text in a decoded JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
