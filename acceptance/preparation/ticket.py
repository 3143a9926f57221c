"""The change ticket, as far as its form tells (pre.planning.3: "CHG-2025-11-XXX")."""

from __future__ import annotations

import re

_FORM = re.compile(r"[A-Z][A-Z0-9]+-(?:\d{4}-(?:0[1-9]|1[0-2])-)?\d+")


def ticket_fault(ticket: str) -> str:
    """Say what is wrong with a ticket's form; empty when nothing is. Whether it exists, only the tracker knows."""
    if _FORM.fullmatch(ticket):
        return ""
    return f"expected a ticket such as CHG-2025-11-042, found {ticket!r}; give the real one with --ticket"
