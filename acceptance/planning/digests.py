"""Name the exact text that a run is made of: its stages, the checklist, and the suite itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from acceptance.planning.collection import CHECKS

_SUITE = ("acceptance", "fixtures")


def digests(project: Path) -> dict[str, str]:
    """Give the SHA-256 of each `stage.toml`, of the checklist, and of all files of the checks and of the suite."""
    suite = Path(str(files("acceptance"))).parent
    folders = [project / CHECKS, *(suite / name for name in _SUITE)]
    found = {path.relative_to(project).as_posix(): _of([path]) for path in sorted((project / CHECKS).glob("*/*.toml"))}
    found["checklist"] = _of([suite / "acceptance" / "data" / "checklist_items.tsv"])
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    found["suite"] = _of(path for path in paths if "__pycache__" not in path.parts)
    return found


def _of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.parent.name}/{path.name}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()
