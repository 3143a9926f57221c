"""Why an upload is not taken, in one exception that carries answer, log event and metric together."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class Refusal(Exception):
    """An upload that is refused.

    Attributes:
        status: the HTTP status (contract, "Refusals").
        detail: what the client may read: no path, address, stack or secret in it.
        event: the security event to log (contract, "Log events"), or the plain event of a merely wrong request.
        error_type: the label standard's error type; None for what is no storage operation (a traversal is refused
            before storage is asked, and the standard has no type for it, so it is logged and not counted).
        kind: `new`, `previous` or `logs`, the archive that caused it.
        notes: further fields of the log line.
    """

    status: int
    detail: str
    event: str = "upload_rejected"
    error_type: str | None = None
    kind: str = "new"
    notes: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail


def traversal(where: str, reason: str) -> Refusal:
    """Refuse a name that could lead out of the storage root: `where` is the form's field or `archive member`."""
    return Refusal(422, f"{where} is not acceptable", "path_traversal", notes={"field": where, "reason": reason})


def too_big(detail: str, status: int = 422) -> Refusal:
    """Refuse an upload over a limit: 413 for its own size, 422 for what it would become when unpacked."""
    return Refusal(status, detail, "size_limit", "size_limit")


def damaged(reason: str, status: int = 400, detail: str = "archive is damaged") -> Refusal:
    """Bytes that are not what they should be: a digest or a member's CRC does not hold, or the end is missing."""
    return Refusal(status, detail, "checksum_failed", "checksum_failed", notes={"reason": reason})
