"""Write the commands that a person copies into a shell where the suite could not undo a change.

Each is one line that `bash` runs as it stands, from any folder, and may be run twice. Nothing else in the suite writes
such lines, so that a path with a space, or a file whose last line has no end, is thought of once.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from acceptance.target.model import Target

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "ops"


def switch_off(target: Target, flag: str) -> str:
    """Append `FLAG=false` on a line of its own, as in the rollback plan, unless the flag's last line is that.

    A file that is gone is not made anew: a service would start with this flag and without all its secrets.
    """
    file, line = shlex.quote(str(target.env_file)), f"{flag}=false"
    return (
        f"ls {file} && {{ grep -aw {flag} {file} | tail -n 1 | grep -qx {line} || printf '\\n{line}\\n' >> {file}; }}"
    )


def restart(target: Target, service: str) -> str:
    """Restart `bot`, `worker`, `api` or `all` in the infra folder, as we do: each word quoted, no shell."""
    command = target.restart_all if service == "all" else target.service(service).restart
    return f"cd {shlex.quote(str(target.infra_dir))} && {shlex.join(shlex.split(command))}"


def last_line(target: Target, flag: str) -> str:
    """Show the last line that names the flag: that one wins."""
    return f"grep -anw {flag} {shlex.quote(str(target.env_file))} | tail -n 1"


def recover(target_file: Path | str, *options: str) -> str:
    """Run `recover.py` on a target file."""
    return script("recover.py", target_file, *options)


def script(name: str, target_file: Path | str, *options: str) -> str:
    """Run a command of `scripts/ops` on a target file, by this interpreter, which has what it needs."""
    target = str(Path(target_file).absolute())
    return shlex.join([sys.executable, str(_SCRIPTS / name), "--target", target, *options])
