"""Free ports that stay free.

A port the kernel hands out for port 0 lies in the range it also uses for outgoing connections: while a server is down
for a restart test, a reconnecting client may be given that very port, or connect to itself through it. So the lab takes
its ports below that range.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

_FIRST = 20000
"""Above Asterisk's RTP range (rtp.conf here: 10000 to 19999)."""


def _first_outgoing() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody holds, for TCP (default) or UDP (`socket.SOCK_DGRAM`)."""
    last = _first_outgoing() - 1
    if last - _FIRST < 1000:
        first, last = 61000, 65535
    else:
        first = _FIRST
    for _ in range(1000):
        port = random.SystemRandom().randint(first, last)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {first} and {last} in 1000 tries")


def free_udp_port() -> int:
    """A free UDP port of 127.0.0.1, for SIP."""
    return free_port(socket.SOCK_DGRAM)
