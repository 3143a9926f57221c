"""Scan Butler's code by bandit, where it is installed and the code is at hand (pre.technical.7)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acceptance.finding import Finding
from acceptance.verdict import Inconclusive

_PATIENCE_S = 600.0


def can_scan(code: Path) -> bool:
    """Tell whether there is something to scan, and something to scan with."""
    return code.is_dir() and shutil.which("bandit") is not None


def vulnerabilities(code: Path) -> list[Finding]:
    """Scan `src` of a checkout, or all of it; name each finding of medium severity or above.

    Raises:
        Inconclusive: bandit gave no report, or could not read every file.
    """
    source = code / "src" if (code / "src").is_dir() else code
    command = ["bandit", "-r", str(source), "--severity-level", "medium", "-f", "json", "-q"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)
        report = json.loads(done.stdout)
        unread = [error["filename"] for error in report["errors"]]
        found = [_finding(each) for each in report["results"]]
        lines = report["metrics"]["_totals"]["loc"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise Inconclusive(f"«{' '.join(command)}» gave no report: {type(error).__name__}: {error}") from error
    if unread or not lines:
        what = ", ".join(unread) if unread else "no line of code"
        raise Inconclusive(f"expected bandit to read all of {source}, it could not read: {what}")
    return found


def _finding(found: Mapping[str, Any]) -> Finding:
    where, what = f"{found['filename']}:{found['line_number']}", f"{found['test_id']} {found['issue_severity']}"
    return Finding("vulnerable code", where, "nothing of medium severity or above", f"{what}: {found['issue_text']}")
