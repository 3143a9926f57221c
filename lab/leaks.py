"""What each request leaves behind, by the faults requests-leave-files, -leave-threads and -keep-memory."""

import socket
import threading
from collections.abc import Callable

FILES, BYTES = 8, 16 << 20  # of each request: so much that a short soak shows it
THREADS, STACK = 4, 64 << 20
_left: list[object] = []


def leave_behind(fault: Callable[[str], bool]) -> None:
    """Do so once."""
    if fault("requests-leave-files"):
        _left.extend(socket.socket() for _ in range(FILES))
    if fault("requests-leave-threads"):
        threading.stack_size(STACK)
        for _ in range(THREADS):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        threading.stack_size(0)
    if fault("requests-keep-memory"):
        _left.append(b"x" * BYTES)
