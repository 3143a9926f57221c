"""A deployment as it is made: each stage a run of its own, and what comes after them judges them together."""

import subprocess
import sys
from pathlib import Path

import pytest
from held_lab import ROOT

from acceptance.record.verify import verify
from power.deployment import SHAPES, STAGES, first_not_go


@pytest.mark.parametrize("shape", SHAPES)
def test_healthy_deployment_stage_by_stage_is_go(shape: str, tmp_path: Path) -> None:
    wrong = first_not_go(shape, tmp_path)
    assert wrong == ""
    records = sorted(tmp_path.glob("*/events.jsonl"), key=lambda log: log.stat().st_mtime)
    assert len(records) == len(STAGES)
    newest = records[-1].parent
    assert verify(newest) == []
    command = [sys.executable, ROOT / "scripts" / "ops" / "record.py", "log", newest]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told.splitlines()[0].endswith(" Stage 21_00, 21_01a-d"), told
    assert "- **Outcome**: GO on lab, ticket CHG-2025-11-042\n" in told, told
    assert "- **Rollbacks**: None\n" in told, told
