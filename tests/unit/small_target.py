"""A target of one folder, and stand-ins for what restarts its services and takes its events."""

from pathlib import Path

from acceptance.conduct.services import Restarted
from acceptance.stage import Stage
from acceptance.target.loading import load_target
from acceptance.target.model import Target
from acceptance.verdict import MutationFailed

STAGE = Stage("21_01c", "Storage Abstraction", 50, service="api", flag="USE_NEW_STORAGE_ADAPTER")
FLAG = "USE_NEW_STORAGE_ADAPTER"
BEFORE = f"# flags\nexport {FLAG}=false  # storage\nOTHER=1\n"
PREFIX = "ops0123abcd"


def small_target(folder: Path, before: str = BEFORE, **settings: object) -> Target:
    """Write an env file and a target file into ``folder`` and load it."""
    env_file = folder / ".env.infra"
    env_file.write_text(before)
    (folder / "store").mkdir(exist_ok=True)
    keys = {
        "TARGET_NAME": "here",
        "TARGET_KIND": "staging",
        "ALLOW_MUTATIONS": "true",
        "INFRA_DIR": folder,
        "ENV_FILE": env_file,
        "MONGODB_URL": "mongodb://127.0.0.1:1/",
        "GRAFANA_PASSWORD": "grafana-pw",
        "PROMETHEUS_URL": "http://127.0.0.1:1",
        **{f"{service}_URL": "http://127.0.0.1:1" for service in ("BOT", "WORKER", "API")},  # where nothing answers
        "STORAGE_ROOT": folder / "store",
        "LEGACY_STORAGE_ROOT": folder / "store",
        "WATCH_DIRS": folder,
        "HTTP_TIMEOUT_SECONDS": "1",
        "RESTART_TIMEOUT_SECONDS": "2",
        **settings,
    }
    file = folder / "here.env"
    file.write_text("".join(f"{key}={value}\n" for key, value in keys.items()))
    return load_target(file)


class Restarter:
    """Stands in for the make targets: notes each restart, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.restarts: list[str] = []
        self.failures = 0
        self.failure: type[Exception] = MutationFailed

    def restart(self, key: str, *, need_proof: bool = True) -> tuple[Restarted, ...]:
        self.restarts.append(key)
        self.need_proof = need_proof
        if self.failures:
            self.failures -= 1
            raise self.failure("the service does not come back")
        return (Restarted("butler-api", "make restart", 0, "", 1.0, 2.0, 0.1),)
