"""Trace ids of our own requests, so that the log lines they cause can be told from others'."""

from __future__ import annotations

import secrets


def trace(header: str, prefix: str) -> tuple[str, dict[str, str]]:
    """Make a fresh trace id and the header that carries it.

    Args:
        header: W3C ``traceparent``, a header that takes the bare id, or empty for a service that takes none.
        prefix: First hex digits of the id.

    Returns:
        The 32 hex digits, and the header (empty for no header).
    """
    trace_id = prefix + secrets.token_hex(16)[len(prefix) :]
    if not header:
        return trace_id, {}
    w3c = header.lower() == "traceparent"
    return trace_id, {header: f"00-{trace_id}-{secrets.token_hex(8)}-01" if w3c else trace_id}
