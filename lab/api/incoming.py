"""A file on its way from a request to the storage's `.incoming` folder, hashed and counted."""

import hashlib
import os
import secrets
from pathlib import Path

KINDS = {"new_zip": "new", "old_zip": "previous", "logs_zip": "logs"}


class IncomingFile:
    """A file of the form on its way to disk."""

    def __init__(self, folder: Path, form_field: str, file_name: str) -> None:
        self.field, self.kind, self.file_name = form_field, KINDS[form_field], file_name
        self.path = folder / secrets.token_hex(16)
        self.size = 0
        self.ended = False
        self.buffer = bytearray()
        self._digest = hashlib.sha256()
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was received, lower-case hex."""
        return self._digest.hexdigest()

    def flush(self) -> None:
        """Hash and write what is buffered (blocking); at the end make it durable and close."""
        self._digest.update(self.buffer)
        view = memoryview(self.buffer)
        while view:
            view = view[os.write(self._fd, view) :]
        view.release()
        self.buffer = bytearray()
        if self.ended:
            os.fchmod(self._fd, 0o640)
            os.fsync(self._fd)
            self.close()

    @property
    def closed(self) -> bool:
        """Whether all of it is on disk."""
        return self._fd < 0

    def close(self) -> None:
        """Close the descriptor, once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
