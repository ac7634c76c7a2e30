"""A peer that vanishes as by a power cut: it sends no FIN and no RST, and not even its kernel answers any more."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import termios
import time
from typing import Protocol

_SO_ATTACH_FILTER = 26
_TAKE_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
"""One instruction of the kernel's packet filter: of every packet return nothing."""


class Sock(Protocol):
    """A socket's part that is needed."""

    def setsockopt(self, level: int, name: int, value: bytes, /) -> None:
        """As socket.socket.setsockopt."""

    def fileno(self) -> int:
        """As socket.socket.fileno."""


def vanish(sock: Sock) -> None:
    """From now on this end of a TCP connection gets no packet, so that it acknowledges none. Needs no rights.

    It is still heard when it repeats what was not acknowledged; so that is waited for, some 40 ms.
    """
    while _unacknowledged(sock):
        time.sleep(0.001)
    program = struct.pack("HP", 1, ctypes.addressof(_TAKE_NOTHING))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _unacknowledged(sock: Sock) -> int:
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), "little")
