"""Stage 21_02, added by `docs/adding-a-stage.md` to a copy of the suite: its own folder and the checklist's data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "adding-a-stage.md").read_text()
STAGE = """
title = "Digest Delivery"
order = 70
service = "worker"
flag = "USE_NEW_DIGEST"
metrics = "digest_delivery_"
proof = "test_flag_on.py::test_digests_are_counted"
depends_on = ["21_00"]
"""
CHECKS = {
    "stage.toml": STAGE,
    "__init__.py": "",
    "test_flag_on.py": GUIDE.partition("```python\n")[2].partition("```")[0],
}
TARGET = (
    "TARGET_NAME=s\nTARGET_KIND=staging\nALLOW_MUTATIONS=true\nMONGODB_URL=mongodb://h/\nGRAFANA_PASSWORD=x1x2x3x4\n"
    "FLAG_21_02=USE_DIGEST_AS_THE_SERVICE_SPELLS_IT\n"
)


@pytest.fixture
def suite(tmp_path):
    for part in ("acceptance", "fixtures", "lab", "ops_tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / part, tmp_path / part)
    (tmp_path / ".env.infra").write_text("USE_DIGEST_AS_THE_SERVICE_SPELLS_IT=false\n")
    (tmp_path / "s.env").write_text(f"{TARGET}INFRA_DIR={tmp_path}\n")
    folder = tmp_path / "ops_tests" / "stage_21_02"
    folder.mkdir()
    for name, text in CHECKS.items():
        (folder / name).write_text(text)
    return tmp_path


def python(suite, *args):
    env = os.environ | {"PYTHONPATH": str(suite), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *args], cwd=suite, env=env, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_stage_is_its_folder(suite):
    """The plan switches its flag by the name that the target file gives it, and proves the way back by its metrics."""
    plan = python(suite, "-m", "pytest", "-p", "no:cacheprovider", "--plan", "-m", "stage_21_02", "--target=s.env")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    for told in (
        "stage 21_02: Digest Delivery: 1 check",
        "change      USE_DIGEST_AS_THE_SERVICE_SPELLS_IT=true in",
        "make day-12-restart-workers",
        "metrics digest_delivery_* of job butler-worker",
    ):
        assert told in plan.stdout


def test_the_lab_knows_its_flag(suite):
    told = python(suite, "-c", "from lab.flags import env_lines; print(env_lines())")
    assert "# 21_02, butler-worker\nUSE_NEW_DIGEST=false" in told.stdout, told.stderr
