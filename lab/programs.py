"""The programs of a lab: what each is started with."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.binaries import Binaries
from lab.layout import Layout
from lab.shape import current

# The EICAR test string, in two halves so that no scanner takes this file for a hit.
_EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}" + "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

_MODULES = {
    "butler-bot": "lab.bot",
    "butler-worker": "lab.worker",
    "butler-api": "lab.api",
    "grafana": "lab.standins.grafana",
    "loki": "lab.standins.loki",
    "hw-checker": "lab.standins.hw_checker",
}


@dataclass(frozen=True)
class Program:
    """One long-running program.

    Attributes:
        name: supervisor's name for it, and its log file's.
        command: argument list.
        port: TCP port on 127.0.0.1, or 0 for clamd's socket.
        environment: variables besides LAB_HOME.
        folder: working folder; None for the lab's own.
    """

    name: str
    command: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


def programs(layout: Layout, ports: Mapping[str, int], binaries: Binaries) -> list[Program]:
    """List what this lab runs."""
    root = str(Path(__file__).resolve().parent.parent)
    path = {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    services = [
        Program(instance, (sys.executable, "-m", module), ports[name], path | {"LAB_INSTANCE": instance})
        for name, module in _MODULES.items()
        if _there(module)
        for instance in current().instances(name)
    ]
    return [_mongo(layout, ports), _clamd(layout, binaries), *services, *_monitoring(layout, ports, binaries)]


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _mongo(layout: Layout, ports: Mapping[str, int]) -> Program:
    data = layout.data("mongo")
    command = (
        *(sys.executable, "-c", "from nx_27017.nx_27017 import main; main()"),
        *("--data-dir", str(data / "db"), "--host", "127.0.0.1", "--port", str(ports["mongo"])),
        *("--log-file", str(data / "log"), "--pid-file", str(data / "pid")),
    )
    return Program("mongo", command, ports["mongo"])


def _clamd(layout: Layout, binaries: Binaries) -> Program:
    data = layout.data("clamd")
    config = data / "clamd.conf"
    config.write_text(
        f"DatabaseDirectory {data}\nTemporaryDirectory {layout.run}\nLocalSocket {layout.clamd}\n"
        "LocalSocketMode 660\nFixStaleSocket yes\nForeground yes\nConcurrentDatabaseReload no\n"
        # Files over 20 MB pass unscanned: a scan of 100 MB takes 4 s, and a stage uploads several.
        "StreamMaxLength 200M\nMaxScanSize 20M\nMaxFileSize 20M\nMaxThreads 4\nIdleTimeout 60\n"
    )
    (data / "lab.ndb").write_text(f"EICAR-lab:0:*:{_EICAR.encode().hex()}\n")
    variables = {"LD_LIBRARY_PATH": binaries.libraries} if binaries.libraries else {}
    command = (str(binaries.clamd), "--foreground", f"--config-file={config}")
    return Program("clamd", command, 0, environment=variables)


def _monitoring(layout: Layout, ports: Mapping[str, int], binaries: Binaries) -> list[Program]:
    config = layout.infra / "prometheus"
    prometheus = (
        str(binaries.prometheus),
        f"--config.file={config}/{current().prometheus_config}",
        f"--storage.tsdb.path={layout.data('prometheus')}",
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
        "--scrape.discovery-reload-interval=1s",
        "--web.enable-lifecycle",
        *(
            f"--web.external-url={current().prometheus_scheme}://127.0.0.1:{ports['prometheus']}{path}"
            for path in [current().prometheus_path]
            if path
        ),
        f"--web.config.file={config}/web.yml",
        "--web.enable-admin-api",  # a test deletes what Prometheus saw of the one before, and waits for nothing
    )
    alertmanager = (
        str(binaries.alertmanager),
        f"--config.file={config}/alertmanager.yml",
        f"--storage.path={layout.data('alertmanager')}",
        f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
        "--cluster.listen-address=",
    )
    return [
        # Its folder decides where a cached alertmanager finds its templates (binaries.fetch).
        Program("alertmanager", alertmanager, ports["alertmanager"], folder=binaries.alertmanager.parent.parent),
        Program("prometheus", prometheus, ports["prometheus"]),
    ]
