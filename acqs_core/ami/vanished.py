"""Has the kernel notice a peer that vanished: power cut, cable pulled, a firewall that forgot. No FIN ever comes then.

The listener pings as well, which finds a peer that hangs, too. A child cannot: Asterisk answers nothing else while an
Originate without `Async` rings, which may be for ten minutes.
"""

from __future__ import annotations

import socket
from typing import Protocol

AFTER = 15.0
"""Seconds without a word from the other side's kernel, be it asked or owing an acknowledgement, until we are told."""

_PROBES = 2


class Sock(Protocol):
    """A socket's part that is needed; uvloop's are no socket.socket."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """As socket.socket.setsockopt."""


def notice(sock: Sock) -> None:
    """End this TCP connection, with an error, when its peer has vanished."""
    every = max(1, round(AFTER / (_PROBES + 1)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, every)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, every)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    # Probes are for silence only: what was written and not acknowledged is repeated for a quarter of an hour.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(AFTER * 1000))
