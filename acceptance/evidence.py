"""Hold what a check saw, in a form that the event log can store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["http", "command", "query", "log", "files", "gate", "document", "text", "findings"]


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence.

    Attributes:
        kind: How the record shows it.
        title: What it is, in a few words.
        data: JSON-able facts; their shape depends on `kind` and is described in `docs/record.md`.
    """

    kind: Kind
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Give the plain form that goes into the event log."""
        return {"kind": self.kind, "title": self.title, "data": dict(self.data)}
