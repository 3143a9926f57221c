"""A deployment as it is made: each stage a run of its own, and what comes after them judges them together."""

import subprocess
import sys
from pathlib import Path

from held_lab import ROOT, SHORT, held_lab, retold

from acceptance.record.verify import verify
from power.stage_run import run_stage

STAGES = ("pre_deployment", "21_00", "21_01a", "21_01b", "21_01c", "21_01d", "post_deployment")
DEPLOY = ("--mode=deploy", "--ticket=CHG-2025-11-042", "--operator=R. Rivera")


def test_healthy_deployment_stage_by_stage_is_green_to_the_end(tmp_path: Path) -> None:
    with held_lab() as lab:
        quick = retold(lab, "quick", **SHORT)
        for stage in STAGES:
            ended = run_stage(quick, tmp_path, *DEPLOY, stage=stage)
            assert (ended.first_red, ended.code, ended.outcome) == ("nothing", 0, "GO"), f"{stage}: {ended.explain()}"
    assert ended.folder is not None
    assert verify(ended.folder) == []
    told = subprocess.run(
        [sys.executable, ROOT / "scripts" / "ops" / "record.py", "log", ended.folder],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert told.splitlines()[0].endswith(" Stage 21_00, 21_01a-d"), told
    assert "- **Outcome**: GO on lab, ticket CHG-2025-11-042\n" in told, told
    assert "- **Rollbacks**: None\n" in told, told
