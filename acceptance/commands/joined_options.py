"""Join `--target PATH` to `--target=PATH` before pytest looks for its root; knows of pytest one hook's name only.

pytest finds its root from its arguments before it has read who adds which options, so it takes a path behind an option
of ours for a folder with tests, moves its root there, and then does not know the option. This is a plugin of the
installed package, which is loaded early enough to start pytest once more with words that cannot be mistaken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

PATH_OPTIONS = frozenset({"--target", "--sign-offs", "--baseline", "--reports"})
"""The options of a run whose value may be a path (`fixtures/options.py`)."""


def joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with each path option and its value in one word."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] in PATH_OPTIONS and not word.startswith("-"):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def pytest_addoption() -> None:
    """Start pytest again with joined options, where a command line needs it; later pytest holds the output back."""
    given = sys.argv[1:]
    if _is_pytest(Path(sys.argv[0])) and (better := joined(given)) != given:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *better])  # noqa: S606


def _is_pytest(program: Path) -> bool:
    return program.name in ("pytest", "py.test") or program.parts[-2:] == ("pytest", "__main__.py")
