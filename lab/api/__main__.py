"""Start butler-api: `python -m lab.api`."""

from lab.api.app import build
from lab.api.context import FLAG
from lab.service import Settings, log, run


def main() -> None:
    """Serve until stopped."""
    settings = Settings.load("butler-api")
    if settings.flag(FLAG) and settings.fault("service-does-not-come-back"):
        log("start_failed", "ERROR")
        raise SystemExit(1)
    run(build(settings), settings.port)


if __name__ == "__main__":
    main()
