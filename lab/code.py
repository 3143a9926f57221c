"""Butler's code as a deployment has it: a checkout whose `main` its services say they run, and where it came from."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Gauge

CODE = "code"
_BEFORE = "before"  # the branch that names the commit of the last deployment
_WHO = ("-c", "user.name=lab", "-c", "user.email=lab@localhost", "-c", "commit.gpgsign=false")


def make(home: Path) -> Path:
    """Make the checkout and its origin, with the commit of the last deployment and that of this one."""
    code, origin = home / CODE, home / f"{CODE}.git"
    (code / "src").mkdir(parents=True)
    _git(home, "init", "-q", "--bare", "-b", "main", str(origin))
    _git(code, "init", "-q", "-b", "main")
    for number, what in enumerate(("the last deployment", "this deployment")):
        (code / "src" / "butler.py").write_text(f"RELEASE = {number}\n")
        _git(code, "add", ".")
        _git(code, *_WHO, "commit", "-q", "-m", what)
        if number == 0:
            _git(code, "branch", _BEFORE)
    _git(code, "remote", "add", "origin", str(origin))
    _git(code, "push", "-q", "origin", "main")
    return code


def announce(fault: Callable[[str], bool]) -> None:
    """Export the commit that this process runs, read at its start; with the fault, that of the last deployment."""
    name = _BEFORE if fault("old-code") else "main"
    branch = Path(os.environ.get("LAB_HOME", "")) / CODE / ".git/refs/heads" / name
    if branch.is_file():
        info = Gauge("butler_build_info", "Always 1; names the commit that runs", ["commit"])
        info.labels(branch.read_text().strip()).set(1)


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
