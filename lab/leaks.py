"""What each request leaves behind, by the faults requests-leave-files and requests-keep-memory."""

import socket
from collections.abc import Callable

FILES, BYTES = 8, 16 << 20  # of each request: so much that a short soak shows it
_left: list[object] = []


def leave_behind(fault: Callable[[str], bool]) -> None:
    """Do so once."""
    if fault("requests-leave-files"):
        _left.extend(socket.socket() for _ in range(FILES))
    if fault("requests-keep-memory"):
        _left.append(b"x" * BYTES)
