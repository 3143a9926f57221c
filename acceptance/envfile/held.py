"""Compare the env file with what it held before a restart, whose command may write it.

A restart command that renders the file anew loses keys, switches flags of other stages, or opens the secrets to
everybody; the service starts all the same (contract, "Flags live in").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.disk import owner_name
from acceptance.finding import Finding, Severity

_STEP = "see what the restart command does to this file, or who else writes it, before you start again"


@dataclass(frozen=True)
class Held:
    """What an env file holds, and who may read it; the values are never shown."""

    path: Path
    values: Mapping[str, str] = field(repr=False)
    owner: str
    mode: int

    @classmethod
    def of(cls, path: Path, values: Mapping[str, str]) -> Held:
        """Note what a file holds now."""
        found = path.stat()
        return cls(path, values, owner_name(found), found.st_mode & 0o7777)

    def unlike(self, before: Held) -> list[Finding]:
        """Name what differs from before: a key, the owner, the mode."""
        return [
            Finding("env file altered", f"{self.path}: {what}", expected, found, Severity.HIGH, _STEP)
            for what, expected, found in self._otherwise(before)
        ]

    def _otherwise(self, before: Held) -> Iterator[tuple[str, str, str]]:
        if (self.owner, self.mode) != (before.owner, before.mode):
            yield "owner and mode", f"{before.owner} {before.mode:o}", f"{self.owner} {self.mode:o}"
        for key in sorted(before.values.keys() | self.values.keys()):
            old, now = before.values.get(key), self.values.get(key)
            if old != now:
                yield key, f"{_shown(old)}, as before the restart", _shown(now)


def _shown(value: str | None) -> str:
    """Show `true` and `false`; any other value may be a secret."""
    if value is None:
        return "no such key"
    return value if value.lower() in ("true", "false") else "a value that is not shown"
