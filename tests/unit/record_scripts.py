"""Runs a command of ``scripts/ops`` on a record, as a person would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "ops"


def script(name: str, *args: Any) -> subprocess.CompletedProcess[str]:
    """Give how it ended, and what it said."""
    return subprocess.run([sys.executable, SCRIPTS / name, *args], capture_output=True, text=True, check=False)
