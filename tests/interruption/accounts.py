"""Two accounts of one team, each in its own right; only root can act as them."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEAM, ANN, BEN = 65530, 65531, 65532
"""Numbers that nobody has: the group, who begins a run, and who finds it."""


def acting_as(user: int, home: Path) -> list[str]:
    """Give the words before a command of that account, whose umask lets its team write.

    Python and this tree may lie in a folder that is its owner's alone: they are shown to that process all the same, by
    mounts that only it sees, and nothing else of that folder is.
    """
    home.mkdir(exist_ok=True)
    os.chown(home, user, TEAM)
    script = "\n".join(
        [
            "set -e",
            'here="$(pwd)"',
            *_shown(home.parent),
            'cd "$here"',
            f"export HOME={shlex.quote(str(home))}",
            "umask 002",
        ]
    )
    become = f"exec setpriv --reuid={user} --regid={TEAM} --clear-groups --no-new-privs"
    words = ["unshare", "--mount", "--propagation=private", "sh", "-c", f'{script}\n{become} -- "$@"', "sh"]
    tried = subprocess.run([*words, sys.executable, "-c", "import pytest"], capture_output=True, check=False, cwd=ROOT)
    if tried.returncode:
        pytest.skip(f"nobody can act as another account here: {tried.stderr.decode().strip()}")
    return words


def give_to_team(folder: Path) -> None:
    """Let the team read and write all that is there and is made there, as an administrator prepares it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            os.chown(path, -1, TEAM)
            found = path.stat().st_mode & 0o7777
            path.chmod(found | 0o2070 if path.is_dir() else found | 0o060)


def _shown(folder: Path) -> Iterator[str]:
    """Give the commands that put this folder, and what Python needs, into each closed folder above them."""
    tops = {
        path: top for path in (Path(sys.base_prefix), Path(sys.prefix), ROOT, folder) if (top := closed_above(path))
    }
    kept = {path: number for number, path in enumerate(tops, start=3)}  # held open while they are covered
    yield from (f"exec {number}< {shlex.quote(str(path))}" for path, number in kept.items())
    yield from (f"mount -t tmpfs -o mode=0755 none {shlex.quote(str(top))}" for top in {*tops.values()})
    for path, number in kept.items():
        place = shlex.quote(str(path))
        yield f"mkdir -p {place} && mount --no-canonicalize --bind /proc/$$/fd/{number} {place} && exec {number}<&-"


def closed_above(path: Path) -> Path | None:
    """Find the topmost folder above a path that others may not enter."""
    return next((each for each in reversed(path.parents) if not each.stat().st_mode & 0o001), None)
