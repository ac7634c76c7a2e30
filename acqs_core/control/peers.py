"""Who is at the other end of a control socket, by the kernel's word, and whether he may be.

The mode of the socket says so already. It is asked again here because a mode is easily changed: by a folder on another
file system, by a chmod of somebody who wanted to help.
"""

from __future__ import annotations

import array
import contextlib
import dataclasses
import grp
import os
import pwd
import socket
import struct
from typing import Self

GROUP = "acqs"
"""Its members may attach (design §7)."""

_SO_PEERGROUPS = 59
"""Of Linux; Python has no name for it."""

_CREDENTIALS = struct.Struct("3i")

_MOST_BYTES = 1024
"""What Python takes of such an answer at the most: 256 groups."""


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """A process as it was when it connected."""

    uid: int
    groups: frozenset[int]

    @classmethod
    def of(cls, sock: socket.socket) -> Self:
        """The one at the other end of a connected Unix socket."""
        _, uid, gid = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        return cls(uid, frozenset((gid, *_groups_of(sock))))

    @property
    def name(self) -> str:
        """Its user's name, for the journal."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"

    @property
    def may_attach(self) -> bool:
        """Whether it is root, our own user, or a member of the group."""
        return self.uid in (0, os.geteuid()) or group_id() in self.groups


def group_id() -> int | None:
    """The number of the group `acqs`; None where there is none."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def _groups_of(sock: socket.socket) -> array.array[int]:
    groups = array.array("I")
    with contextlib.suppress(OSError):  # a kernel without it (before 4.13), or more groups: its first one counts alone
        groups.frombytes(sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES))
    return groups
