"""What a client may send: `POST /api/v1/dialog/messages` (contract, "HTTP")."""

import json
from dataclasses import dataclass

USER_ID_LIMIT = 128
MESSAGE_LIMIT = 4096  # Telegram's own
BODY_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Message:
    """One message of a user.

    Attributes:
        user_id: who writes; any text of 1 to 128 characters.
        text: what was written, 1 to 4096 characters.
        session_id: the conversation it belongs to, or None to begin one.
    """

    user_id: str
    text: str
    session_id: str | None


def parse(body: bytes, limit: int = MESSAGE_LIMIT) -> Message:
    """Read a request's body.

    Raises:
        ValueError: not JSON, not an object, or a field is missing, of another type, empty or too long;
            the text of the error is fit for the client.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("expected a JSON body") from None
    if not isinstance(fields, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - one error type for the caller
    session = fields.get("session_id")
    return Message(
        user_id=_text(fields, "user_id", USER_ID_LIMIT),
        text=_text(fields, "message", limit),
        session_id=None if session is None else _text(fields, "session_id", USER_ID_LIMIT),
    )


def _text(fields: dict[str, object], key: str, limit: int) -> str:
    """Give the field as text that MongoDB can store."""
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key}: expected a text that is not empty")
    if len(value) > limit:
        raise ValueError(f"{key}: expected at most {limit} characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, "\ud800"
        raise ValueError(f"{key}: expected valid Unicode") from None
    return value
