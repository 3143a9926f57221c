"""The lab's infra folder as production has it: `.env.infra` and the Makefile with the day-12 targets."""

import secrets
import shlex
import sys
from pathlib import Path

from lab.flags import env_lines
from lab.shape import current

MAX_UPLOAD_BYTES = 100 << 20
RESTARTS = {
    "day-12-restart-butler": "butler:butler-bot",
    "day-12-restart-workers": "butler:butler-worker",
    "day-12-restart-api": "butler:butler-api",
    "day-12-restart-all": "butler:*",
}

_ENV = """\
# Butler infrastructure. Read by the services at process start: after a change, restart (make day-12-restart-*).

# --- MongoDB
MONGO_USER=butler
MONGO_PASSWORD={mongo}

# --- Monitoring
GRAFANA_PASSWORD={grafana}

# --- Other stores
PG_PASSWORD={pg}
REDIS_PASSWORD={redis}

# --- External services
TELEGRAM_BOT_TOKEN={telegram}
HW_CHECKER_API_KEY={checker}
SERVICE_TOKEN={service}
OTHER_TOKEN={other}

# --- Storage
STORAGE_ROOT={storage}
LEGACY_STORAGE_ROOT={storage}
STORAGE_MAX_UPLOAD_BYTES={limit}
STORAGE_ENFORCE_CHECKSUM=true
STORAGE_AV_SCAN_ENABLED=true
STORAGE_CLAMD={clamd}

# --- Epic 21 feature flags (default: false; one stage at a time, see the deployment checklist)
{flags}"""


def env_infra(storage: Path, clamd: str) -> str:
    """Write the env file's text, with secrets of this lab's own."""
    return _ENV.format(
        mongo=secrets.token_urlsafe(18),
        grafana=secrets.token_urlsafe(18),
        pg=secrets.token_urlsafe(18),
        redis=secrets.token_urlsafe(18),
        telegram=f"{secrets.randbelow(9 * 10**8) + 10**8}:{secrets.token_urlsafe(26)[:35]}",
        checker=secrets.token_hex(20),
        service=secrets.token_urlsafe(24),
        other=secrets.token_urlsafe(24),
        storage=storage,
        clamd=clamd,
        limit=MAX_UPLOAD_BYTES,
        flags=env_lines(),
    )


def makefile(home: Path, config: Path) -> str:
    """Write the Makefile's text: each target restarts its processes and fails if one does not come back."""
    # A lab's own paths need no quoting (layout.check_home); the interpreter's may.
    control = f"{shlex.quote(sys.executable)} -m supervisor.supervisorctl -c {config}"
    fault, more = home / "faults" / "restart-does-nothing", home / "faults" / "restart-takes-others-along"
    shape = current()
    lines = [f"SUPERVISORCTL := {_in_make(control)}"]
    for name, services in RESTARTS.items():
        target = shape.restarts.get(name, name)
        # As Compose does: a container keeps the environment that it was made with; `restart` does not read it anew.
        copy = [] if shape.plain else [f"\t@test -e {fault} || cp .env.infra {home}/run/container.env"]
        group, _, program = services.partition(":")
        every = " ".join(f"'{group}:{each}'" for each in shape.instances(program))
        along = f"$$(test -e {more} && echo '{group}:*' || echo {every})"
        restart = f"\t@test -e {fault} || $(SUPERVISORCTL) restart {along}"
        lines += ["", f".PHONY: {target}", f"{target}:", *copy, restart]
        lines += [] if shape.plain else ["", f".PHONY: re{target}", f"re{target}:", restart]
    return "\n".join(lines) + "\n"


def _in_make(text: str) -> str:
    return text.replace("$", "$$").replace("#", "\\#")
