"""Ask the watchdog over its socket: numbered questions, each with its own answer.

An answer is only taken for the question of its number, so that one that was given up, by a signal for instance, cannot
be answered to the next.
"""

from __future__ import annotations

import itertools
import os
import pickle
import select
import socket as sockets
import struct
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from acceptance.verdict import Refused

FROZEN_S = 30.0
"""So many seconds a watchdog may be stopped, or not say whether it lives, before it counts as gone."""


class WatchdogGone(Refused):
    """The watchdog does not answer any more: it was killed, it hangs, or it has ended the run."""


class Line:
    """One connection to the watchdog; used by one thread at a time.

    Args:
        socket: The watchdog's address.
    """

    def __init__(self, socket: Path) -> None:
        self._connection: Connection = Client(str(socket), family="AF_UNIX")
        self._numbers = itertools.count(1)

    def ask(self, name: str, *args: Any, patience_s: float | None = None, busy: Any = None) -> Any:
        """Ask and wait for the answer; what the watchdog raised is raised here.

        Args:
            name: The call.
            args: Its arguments.
            patience_s: Longest silence in seconds; None waits for ever.
            busy: Called after each such silence, to look whether it makes sense to go on; by default it does not.

        Raises:
            WatchdogGone: The connection has ended, or there was no answer in time.
        """
        number = next(self._numbers)
        try:
            say(self._connection, (number, name, args))
            answered = 0
            while answered != number:
                while not self._connection.poll(patience_s):
                    if busy is None:
                        raise WatchdogGone(f"the watchdog has not answered «{name}» for {patience_s:g} s")
                    busy()
                answered, done, value = hear(self._connection)
        except (EOFError, OSError) as error:
            raise WatchdogGone(
                f"the watchdog is gone ({type(error).__name__}) and cannot «{name}»; the run ends here, and what "
                "is open is undone at its end; if that fails, the last lines say what to type"
            ) from error
        if done:
            return value
        raise value

    def fileno(self) -> int:
        """Give the connection's file descriptor."""
        return self._connection.fileno()

    def peer(self) -> int:
        """Give the watchdog's process id."""
        return peer(self._connection)

    def close(self) -> None:
        """End the connection, also while another thread waits on it."""
        with suppress(OSError), sockets.socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(sockets.SHUT_RDWR)  # closing alone does not reach the other end while somebody waits
        self._connection.close()


def say(connection: Connection, message: object) -> None:
    """Send a message; `Connection.send` itself may end the process.

    An error of that call keeps a view of a `BytesIO` alive, and Python 3.12.0 and 3.12.1 end with a segmentation fault
    where the garbage collector meets one (python/cpython#111049): in the middle of an undo, after the other end died.

    Raises:
        OSError: The other end is gone.
        TypeError, AttributeError, ValueError, pickle.PickleError: It cannot be sent.
    """
    connection.send_bytes(pickle.dumps(message))


def hear(connection: Connection) -> Any:
    """Wait for a message, sent by `say`.

    Raises:
        EOFError, OSError: The other end is gone.
    """
    return pickle.loads(connection.recv_bytes())  # noqa: S301 - in a folder that only this user may enter


def peer(connection: Connection) -> int:
    """Give the process id at the other end of a connection."""
    with sockets.socket(fileno=os.dup(connection.fileno())) as end:
        pid, _, _ = struct.unpack("3i", end.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12))
    return int(pid)


def hung_up(fileno: int, patience_ms: int | None = None) -> bool:
    """Wait until the other end of a connection is closed; gives whether it is. Without a patience, wait for ever."""
    watching = select.poll()
    watching.register(fileno, select.POLLRDHUP)
    return bool(watching.poll(patience_ms))
