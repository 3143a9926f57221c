"""`python -m lab fetch`: what is on PATH is preferred, and a failure says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from whole_lab import ROOT


def fetch(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "fetch"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with stand-ins for the three programs."""
    for name in ("prometheus", "alertmanager", "clamd"):
        tool = tmp_path / "tools" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text("#!/bin/sh\n")
        tool.chmod(0o755)
    return tmp_path / "tools"


def test_programs_on_path_are_preferred_and_nothing_is_fetched(tools: Path, tmp_path: Path) -> None:
    done = fetch(PATH=str(tools), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert {Path(line).parent for line in done.stdout.splitlines()} <= {tools}
    assert not list((tmp_path / "cache").rglob("*prometheus*"))


def test_without_apt_the_message_names_the_packages(tmp_path: Path) -> None:
    done = fetch(PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "apt-get install prometheus prometheus-alertmanager clamav-daemon" in done.stderr
    assert "no such command" in done.stderr
    assert not list((tmp_path / "cache").rglob("fetch-*"))


def test_a_failing_command_is_quoted_with_its_reason(tmp_path: Path) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho E: no network today >&2\nexit 100\n")
    apt.chmod(0o755)
    done = fetch(PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "update" in done.stderr
    assert "E: no network today" in done.stderr


# As `apt-cache depends libclamav12` of Debian 12, 13 and sid prints it.
DEPENDS = """libclamav12
  Depends: libbz2-1.0
  Depends: libc6
  Depends: {}
  Depends: libgcc-s1
  Depends: libjson-c5
  Depends: {}
  Depends: libpcre2-8-0
  Depends: libssl3
  Depends: {}
  Depends: zlib1g
  Breaks: <libclamav12t64>
  Suggests: <libclamunrar>"""


@pytest.mark.parametrize(
    "names",
    [
        ("libcurl4", "libmspack0", "libxml2"),
        ("libcurl4t64", "libmspack0t64", "libxml2"),
        ("libcurl4t64", "libmspack0t64", "libxml2-16"),
    ],
)
def test_libraries_are_asked_for_by_their_names_in_this_release(tmp_path: Path, names: tuple[str, ...]) -> None:
    of_clamd = "clamav-daemon\n  Depends: libc6\n  Depends: libclamav12\n  Suggests: libclamunrar"
    cache = f"case $* in *libclamav12) echo '{DEPENDS.format(*names)}';; *) echo '{of_clamd}';; esac"
    for name, line in {"apt-cache": cache, "apt-get": 'case $* in *download*) echo "$*" >&2; exit 100; esac'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    done = fetch(PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    curl, mspack, xml = names
    wanted = f"clamav-daemon libclamav12 {curl} libjson-c5 {mspack} libpcre2-8-0 {xml}"
    assert f"prometheus prometheus-alertmanager {wanted}\n" in done.stderr


def test_an_unwritable_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = fetch(XDG_CACHE_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert f"cannot write the cache {tmp_path / 'file' / 'butler-lab'}" in done.stderr
