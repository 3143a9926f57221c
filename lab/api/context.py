"""What every part of butler-api needs to know about the process it runs in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.api.metrics import StorageMetrics
from lab.api.refusal import Refusal
from lab.api.storage import INCOMING, LegacyStorage, NewStorage
from lab.flags import flag_of
from lab.service import Settings, log

FLAG = flag_of("21_01c")
SMALL = 1 << 20  # bytes, of the fault that leaves a limit behind


@dataclass(frozen=True)
class Context:
    """The process's settings, read once at its start.

    Attributes:
        settings: the lab's.
        new: whether the new adapter is in use.
        storage: the adapter in use.
        metrics: the storage families; silent on the old path.
        limit: the largest accepted file, bytes.
        enforce: whether a digest must be declared and must match.
        clamd: where to scan, or None when scanning is switched off.
    """

    settings: Settings
    new: bool
    storage: LegacyStorage
    metrics: StorageMetrics
    limit: int
    enforce: bool
    clamd: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Context":
        """Read the switches of `.env.infra`."""
        new = settings.flag(FLAG) and not settings.fault("flag-ignored")
        root = Path(settings.env["STORAGE_ROOT"])
        storage = NewStorage(root) if new else LegacyStorage(Path(settings.env["LEGACY_STORAGE_ROOT"]))
        small = settings.was_on("rollback-refuses-large", FLAG) and not new
        scan = settings.flag("STORAGE_AV_SCAN_ENABLED")
        return cls(
            settings,
            new,
            storage,
            StorageMetrics(on=new),
            limit=SMALL if small else int(settings.env["STORAGE_MAX_UPLOAD_BYTES"]),
            enforce=settings.flag("STORAGE_ENFORCE_CHECKSUM"),
            clamd=settings.env["STORAGE_CLAMD"] if scan else None,
        )

    @property
    def incoming(self) -> Path:
        """Where uploads wait until they are judged; on the storage's own file system."""
        return self.storage.root / INCOMING

    @property
    def broken(self) -> Callable[[str], bool]:
        """Tell whether a seeded fault of the new adapter is on; the old path stays as sound as it was."""
        return lambda name: self.new and self.settings.fault(name)

    @property
    def was_broken(self) -> Callable[[str], bool]:
        """Tell whether a seeded fault of the old path is on."""
        return lambda name: not self.new and self.settings.fault(name)

    def rolled_back(self, fault: str) -> bool:
        """Tell whether a seeded fault of the old path is on that needs the new one to have been at work."""
        return self.settings.was_on(fault, FLAG) and not self.new

    def report(self, refusal: Refusal) -> None:
        """Log and count a refusal, each once."""
        if not self.broken("event-missing"):
            log(refusal.event, "WARNING", detail=refusal.detail, status=refusal.status, **refusal.notes)
        if refusal.error_type and not self.broken("errors-not-counted"):
            self.metrics.failed(refusal.kind, refusal.error_type)
