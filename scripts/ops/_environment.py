"""Find the environment that a command of this folder needs: the one that runs it, or the checkout's `.venv`."""

import importlib.util
import io
import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = _ROOT / ".venv" / "bin" / "python"

sys.path.insert(0, str(_ROOT))
for stream in (sys.stdout, sys.stderr):  # a terminal of Latin-1 gets `?` for what it lacks, and no traceback
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
if importlib.util.find_spec("tenacity") is None:
    if not _PYTHON.exists() or Path(sys.prefix) == _PYTHON.parents[1]:
        sys.exit(
            f"REFUSED: {sys.executable} lacks the packages of this suite and {_PYTHON} is not there; set it up with "
            f"`make -C {_ROOT} .venv/ready`, or run this with the interpreter that has them (poetry run python FILE)"
        )
    os.execv(_PYTHON, [str(_PYTHON), *sys.argv])  # noqa: S606 - the same command, with what it needs
