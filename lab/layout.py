"""The lab's folder: what is where, and the files that are written before anything starts."""

import grp
import json
import os
import pwd
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from lab import certificate, code, infra, monitoring
from lab.log import log_format
from lab.shape import current
from lab.shape_target import STARTED, differing
from lab.telegram import PORT, in_telegram

_LONGEST = 75  # characters: a socket's path may have 107, with run/supervisor.sock.PID behind HOME


class HomeError(Exception):
    """The folder cannot be a lab's home; the message says why."""


class Layout:
    """Paths within one lab's HOME."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.infra = home / "infra"
        self.env_file = self.infra / ".env.infra"
        self.logs = home / "logs"
        self.run = home / "run"
        self.faults = home / "faults"
        self.storage = home / "var" / "butler" / "review_archives"
        self.work = home / "srv"
        self.outside = home / "outside"
        self.config = home / "supervisord.conf"
        self.control = self.run / "supervisor.sock"
        self.clamd = self.run / "clamd.sock"
        self.target = home / "target.env"

    def log(self, program: str) -> Path:
        """Name the log file of a program."""
        return self.logs / f"{program}.log"

    def data(self, program: str) -> Path:
        """Name the data folder of a program."""
        return self.home / "var" / program


def make_home(wanted: Path | None) -> Layout:
    """Make the folder, a new temporary one unless `wanted`.

    Raises:
        HomeError: it is in use, or its path cannot be one.
    """
    home = wanted.absolute() if wanted else Path(tempfile.mkdtemp(prefix="butler-lab-")).resolve()
    if not re.fullmatch(r"[\w./+@-]+", str(home), re.ASCII) or len(str(home)) > _LONGEST:
        if wanted is None:
            home.rmdir()
        raise HomeError(
            f"expected a home of at most {_LONGEST} letters, digits and ._/+@-, found {home} ({len(str(home))}); "
            "choose another with --home (its path goes into socket names, a Makefile and env files)"
        )
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(home.iterdir())
    except OSError as error:
        raise HomeError(f"cannot make the home {home}: {error}; choose another with --home") from error
    if taken:
        raise HomeError(f"expected a new or empty folder, found files in {home}; choose another with --home")
    return Layout(home)


def write(layout: Layout, ports: Mapping[str, int]) -> None:
    """Make the folders and write ports.json, the infra folder and target.env."""
    for folder in (layout.logs, layout.run, layout.faults, layout.work, layout.outside):
        folder.mkdir()
    for name in ("journal", "backup", "infra/prometheus", "var/mongo", "var/prometheus", "var/alertmanager"):
        (layout.home / name).mkdir(parents=True)
    layout.data("clamd").mkdir()
    layout.storage.mkdir(parents=True)
    layout.storage.chmod(0o750)
    code.make(layout.home)
    (layout.outside / "canary.txt").write_text("Nothing may be written here.\n")
    (layout.home / "ports.json").write_text(json.dumps(dict(ports), indent=1) + "\n")
    clamd = f"unix://{layout.clamd}"
    _secret(layout.env_file, infra.env_infra(layout.storage, clamd))
    _secret(layout.run / "container.env", layout.env_file.read_text())
    (layout.infra / "Makefile").write_text(infra.makefile(layout.home, layout.config))
    (layout.infra / "started.py").write_text(STARTED.format(control=layout.control))
    (layout.infra / "prometheus" / current().prometheus_config).write_text(monitoring.prometheus(ports))
    (layout.infra / "prometheus" / "alert_rules.yml").write_text(monitoring.rules())
    (layout.infra / "prometheus" / "web.yml").write_text(monitoring.web())
    if monitoring.web():
        certificate.make(layout.infra / "prometheus")
    (layout.infra / "prometheus" / "alertmanager.yml").write_text(monitoring.ALERTMANAGER)
    _secret(layout.target, _target(layout, ports, clamd))


def trusted_by(layout: Layout) -> list[str]:
    """Give the variables of the environment by which clients trust this lab's own certificate."""
    return [f"{name}={layout.infra}/prometheus/ca.pem" for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]


def _secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _target(layout: Layout, ports: Mapping[str, int], clamd: str) -> str:
    home = layout.home
    owner = f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"
    services = {"BOT": "butler-bot", "WORKER": "butler-worker", "API": "butler-api"}
    addresses = services | {
        "PROMETHEUS": "prometheus",
        "ALERTMANAGER": "alertmanager",
        "GRAFANA": "grafana",
        "LOKI": "loki",
        "HW_CHECKER": "hw-checker",
    }
    values: dict[str, object] = {
        "TARGET_NAME": "lab",
        "TARGET_KIND": "lab",
        "ALLOW_MUTATIONS": "true",
        "INFRA_DIR": layout.infra,
        "ENV_FILE": layout.env_file,
        "CODE_DIR": home / code.CODE,
        "RUNNING_COMMIT": "metric:butler_build_info:commit",
        "BACKUP_DIR": home / "backup",
        **{f"{key}_URL": f"http://127.0.0.1:{ports[name]}" for key, name in addresses.items()},
        "GRAFANA_USER": "admin",
        "GRAFANA_PASSWORD": dotenv_values(layout.env_file)["GRAFANA_PASSWORD"],
        "GRAFANA_DASHBOARD_UID": "slo-butler-bot",
        "MONGODB_URL": f"mongodb://127.0.0.1:{ports['mongo']}/",
        "MONGODB_DATABASE": "butler",
        **{f"{key}_JOB": name for key, name in services.items()},
        "RESTART_BOT": "make day-12-restart-butler",
        "RESTART_WORKER": "make day-12-restart-workers",
        "RESTART_API": "make day-12-restart-api",
        "RESTART_ALL": "make day-12-restart-all",
        **{f"{key}_LOGS": f"file://{layout.log(name)}" for key, name in services.items()},
        "LOG_FORMAT": log_format(),
        "STORAGE_ROOT": layout.storage,
        "LEGACY_STORAGE_ROOT": layout.storage,
        "STORAGE_OWNER": owner,
        "STORAGE_MODE": "750",
        "WATCH_DIRS": f"{home / 'var' / 'butler'}:{layout.work}:{layout.outside}",
        "MAX_UPLOAD_BYTES": infra.MAX_UPLOAD_BYTES,
        "MIN_FREE_BYTES": 10 << 30,
        "CLAMD": clamd,
        "SOAK_SECONDS": 15,
        "TRAFFIC_PER_MINUTE": 240,  # nobody else uses it, and who rehearses waits
        "SCRAPE_INTERVAL_SECONDS": 1,
        "AUTHENTICATION": "none:low",
    }
    if in_telegram():
        listen = f"127.0.0.1:{ports[PORT]}"
        values |= {"DIALOG": "telegram", "TELEGRAM_LISTEN": listen, "TELEGRAM_SETTLE_SECONDS": 0}
    env = dotenv_values(layout.env_file)
    logins = {"SERVICE_LOGIN": f"Bearer {env['SERVICE_TOKEN']}", "OTHER_LOGIN": f"Bearer {env['OTHER_TOKEN']}"}
    values = values | differing(current(), str(layout.infra), str(layout.work), ports["prometheus"], logins)
    trust = "" if current().plain else f"# export {' '.join(trusted_by(layout))}\n"
    lines = (f'{key}="{value}"\n' if " " in str(value) else f"{key}={value}\n" for key, value in values.items())
    return trust + "".join(lines)
