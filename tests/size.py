"""Print how many lines our own tests have for each line that they test: `python -m tests.size`."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITE = ("acceptance", "fixtures", "ops_tests", "scripts")


def lines(*folders: str) -> int:
    """Count the lines of all files that git tracks there."""
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return sum(path.read_bytes().count(b"\n") for path in paths if path.is_file())


if __name__ == "__main__":
    tests, suite = lines("tests"), lines(*SUITE)
    print(f"tests/ {tests} lines, {' + '.join(SUITE)} {suite} lines: {tests / suite:.3f}, expected at most 0.8")
