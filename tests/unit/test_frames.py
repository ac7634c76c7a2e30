"""What a child process said before it died is heard, however it died."""

from __future__ import annotations

import contextlib
import socket

from acqs_core.sender.process.frames import Kind, connect, encode, read


async def test_what_was_said_before_a_reset_is_read() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await connect(ours)
    writer.write(b"what it never reads, so that its end is a reset")
    await writer.drain()
    theirs.send(encode(Kind.WRITES) + encode(Kind.ANSWERED, b"x", a=1))
    theirs.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()  # the reset has come before the first frame is asked for
    said = [await read(reader), await read(reader), await read(reader)]
    assert [frame and frame.kind for frame in said] == [Kind.WRITES, Kind.ANSWERED, None]
