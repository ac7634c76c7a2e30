"""What the sender and a child process say to each other: length-prefixed frames on a socket pair of their own.

No pickle: bytes from a child are data. A frame is its length and kind, a line of JSON, and raw bytes (an action, an
answer) that nothing on the way re-encodes.
"""

from __future__ import annotations

import asyncio
import enum
import json
import socket
import struct
from typing import Any, NamedTuple

from acqs_core.errors import AmiError, SessionLost

VERSION = 1
"""Said by a fork server when it starts: after an upgrade on disk it may be newer than the sender that runs."""

LIMIT = 1 << 16
"""Bytes that wait unread, beyond which the other side must wait."""

_HEAD = struct.Struct("!IB")


class Kind(enum.IntEnum):
    """What a frame says."""

    READY = 1
    """Child: it lives and awaits its endpoint."""
    OPEN = 2
    """Sender: connect and log in. The fields of an ami.Endpoint."""
    OPENED = 3
    """Child: logged in. banner, knows_channel_id."""
    PERFORM = 4
    """Sender: write these bytes. action_id, timeout, before (monotonic seconds, after which nothing is written)."""
    WRITES = 5
    """Child: it has what to write and writes it now. Said before it does."""
    ANSWERED = 6
    """Child: the bytes of the response."""
    FAILED = 7
    """Child: what was asked ended with an error. error, message."""
    ENDED = 8
    """Child: the session has ended. error and message, or neither when it ended as asked."""
    LEAVE = 9
    """Sender: log off and end. timeout."""
    ALIVE = 10
    """Child: it is at work on the login, and neither stopped nor hanging."""


class Frame(NamedTuple):
    """One thing said."""

    kind: Kind
    head: dict[str, Any]
    body: bytes


def encode(kind: Kind, body: bytes = b"", /, **head: object) -> bytes:
    """The bytes of a frame."""
    told = json.dumps(head).encode() + b"\n" + body
    return _HEAD.pack(len(told), kind) + told


class Reader(asyncio.StreamReader):
    """What came before the other side died is read to its end: whether it said WRITES decides whether a row may be sent
    again, and a plain reader throws that away when the connection is reset."""

    def set_exception(self, exc: BaseException) -> None:
        """The connection ended with an error."""
        self.feed_eof()


async def connect(sock: socket.socket) -> tuple[Reader, asyncio.StreamWriter]:
    """Our end of a socket pair. Raises OSError."""
    loop = asyncio.get_running_loop()
    reader = Reader(limit=LIMIT, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_unix_connection(lambda: protocol, sock=sock)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame; None at the end of the stream, wherever it comes."""
    try:
        length, kind = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        told = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        return None
    head, _, body = told.partition(b"\n")
    return Frame(Kind(kind), json.loads(head), body)


def told_of(error: Exception | None) -> dict[str, str]:
    """An error as the head of a frame."""
    return {} if error is None else {"error": type(error).__name__, "message": str(error)}


def error_in(head: dict[str, Any]) -> AmiError | None:
    """The error that a frame tells of, of the class that it had over there."""
    if "error" not in head:
        return None
    return _named(AmiError).get(head["error"], SessionLost)(head["message"])


def _named(root: type[AmiError]) -> dict[str, type[AmiError]]:
    """A class and all below it, by name."""
    found = {root.__name__: root}
    for one in root.__subclasses__():
        found |= _named(one)
    return found
