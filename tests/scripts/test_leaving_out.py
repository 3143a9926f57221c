"""The table of completeness is of checks that pytest was seen to leave out, in every way that it names."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_way_of_leaving_a_check_out_is_tried() -> None:
    """It once asked pytest for file names, saw no check in the answer, and called every way one that is not done."""
    done = subprocess.run([sys.executable, "-m", "tests.completeness"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip().endswith("pytest does not do them: none")) == (0, True), done.stdout
