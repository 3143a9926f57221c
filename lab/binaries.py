"""Where prometheus, alertmanager and clamd come from: PATH, else Debian's packages unpacked into a private cache.

`apt-get download` and `dpkg -x` with private apt folders need no privilege and install nothing.
"""

import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = ("prometheus", "prometheus-alertmanager", "clamav-daemon")
# What clamd needs besides, under the names of this release; what every Debian has is the system's own.
_LIBRARY = re.compile(r"Depends: (lib(?!c6$|gcc|ssl|bz2)\S+)", re.MULTILINE)
_TOOLS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "clamd": ("clamd",),
}
_SECONDS = 300
# Debian's alertmanager reads its templates from this fixed place. The cache's copy gets a path of the same length that
# is relative to its working folder, which then must be the cache's usr/.
_TEMPLATES = b"/usr/share/prometheus/alertmanager"
_TEMPLATES_IN_CACHE = b"././/share/prometheus/alertmanager"


class BinariesMissingError(Exception):
    """A program of the lab can be neither found nor fetched; the message says what to do."""


@dataclass(frozen=True)
class Binaries:
    """Programs of the lab; `libraries` is a search path for clamd, empty when the system's own will do."""

    prometheus: Path
    alertmanager: Path
    clamd: Path
    libraries: str = ""


def cache_root() -> Path:
    """Name the folder of the unpacked packages: one for each release and machine type, as homes are shared."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "butler-lab"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return base / f"{release.get('ID', 'linux')}-{release.get('VERSION_ID', '0')}-{platform.machine()}"


def find() -> Binaries | None:
    """Give the programs if all of them are there, on PATH or in the cache."""
    found = {tool: _locate(names) for tool, names in _TOOLS.items()}
    prometheus, alertmanager, clamd = found["prometheus"], found["alertmanager"], found["clamd"]
    if not (prometheus and alertmanager and clamd):
        return None
    cached = clamd.is_relative_to(cache_root())
    libraries = ":".join(str(path) for path in cache_root().glob("usr/lib/*-linux-gnu*")) if cached else ""
    return Binaries(prometheus, alertmanager, clamd, libraries)


def fetch() -> Binaries:
    """Give the programs, fetching them first where needed; safe when two run at once.

    Raises:
        BinariesMissingError: what failed, and what to install instead.
    """
    root = cache_root()
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.parent / f"{root.name}.lock"):
            if (found := find()) is None:
                _download(root)
                found = find()
    except OSError as error:
        raise BinariesMissingError(f"cannot write the cache {root.parent}: {error}; set XDG_CACHE_HOME") from error
    if found is None:
        raise _failure("unpack them", "the packages hold no such programs", root)
    return found


def _locate(names: Sequence[str]) -> Path | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    for name in names:
        if hit := shutil.which(name, path=path):
            return Path(hit)
    for name in names:
        for folder in ("bin", "sbin"):
            if (cached := cache_root() / "usr" / folder / name).exists():
                return cached
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="fetch-") as scratch:
        work = Path(scratch)
        for folder in ("lists/partial", "cache/archives/partial", "debs", "root"):
            (work / folder).mkdir(parents=True)
        options = [
            "-o",
            f"Dir::State::lists={work}/lists",
            "-o",
            f"Dir::Cache={work}/cache",
            "-o",
            "APT::Sandbox::User=",
        ]
        _tell("reads the list of packages (apt-get update)")
        _run(["apt-get", *options, "-qq", "update"], work)
        needs = _run(["apt-cache", *options, "depends", "clamav-daemon"], work)
        own = [name for name in _LIBRARY.findall(needs) if name.startswith("libclamav")]
        libraries = _LIBRARY.findall(_run(["apt-cache", *options, "depends", *own], work))
        _tell(f"downloads {', '.join(_PACKAGES)} and their libraries")
        _run(["apt-get", *options, "-qq", "download", *_PACKAGES, *own, *libraries], work / "debs")
        _tell(f"unpacks them into {root}")
        for package in sorted((work / "debs").glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(work / "root")], work)
        alertmanager = work / "root" / "usr" / "bin" / "prometheus-alertmanager"
        alertmanager.write_bytes(alertmanager.read_bytes().replace(_TEMPLATES, _TEMPLATES_IN_CACHE))
        shutil.rmtree(root, ignore_errors=True)
        (work / "root").rename(root)
    root.chmod(0o755)


def _tell(step: str) -> None:
    print(f"lab: {step}", file=sys.stderr, flush=True)


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        raise _failure(command[0], "no such command: this is no Debian", folder) from None
    except subprocess.TimeoutExpired:
        raise _failure(" ".join(command), f"no end within {_SECONDS} s", folder) from None
    if done.returncode:
        raise _failure(" ".join(command), done.stderr.strip()[-800:], folder)
    return done.stdout


def _failure(command: str, reason: str, where: Path) -> BinariesMissingError:
    return BinariesMissingError(
        f"the lab needs prometheus, alertmanager and clamd; fetching {', '.join(_PACKAGES)} with apt failed.\n"
        f"  command: {command}\n  in: {where}\n  reason: {reason}\n"
        f"  do: give the machine a package source, or install them: apt-get install {' '.join(_PACKAGES)}"
    )
