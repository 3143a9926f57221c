"""Parameters of the HW checker stand-in's calls."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def json_object(request: Request) -> dict[str, Any]:
    """Give the body, or HTTPException 422."""
    try:
        fields = json.loads(await request.body())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise HTTPException(422, "expected a JSON object")
    return fields


def moment(text: str, end_of_day: bool = False) -> datetime:
    """Give a date or an ISO 8601 time, else HTTPException 400; a date as an end means the whole day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, f"Invalid date format: {text[:40]}") from None
    if end_of_day and len(text) == len("2025-11-11"):
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def whole(text: str, name: str) -> int:
    """Give a whole number from 0, else HTTPException 422."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(422, f"{name}: expected a whole number")
    return int(text)
