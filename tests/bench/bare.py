"""The yardstick: what the same machine's Asterisk takes from bare sockets, with no queue and no promises.

One session an action, as the queue's children have: connect, login, Originate, Logoff. Nothing is claimed, marked,
committed, remembered or lingered for.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import cast

from acqs_core.action import NewAction

AT_A_TIME = 5
"""Sessions side by side: the fastest of 3, 5, 10 and 20, the last of which overflow Asterisk's listen backlog of 10 and
wait a second for the kernel to knock again."""


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """A manager user at 127.0.0.1."""

    port: int
    name: str
    secret: str = dataclasses.field(repr=False)

    def login(self) -> bytes:
        """The Login, with no events."""
        return _action("Login", f"Username: {self.name}", f"Secret: {self.secret}", "Events: off")


def originate(new: NewAction, uniqueid: str) -> bytes:
    """The action's bytes, with the headers that the queue's sender would add."""
    return _action(new.action, *new.lines, "Async: true", f"ActionID: {uniqueid}-0000", f"ChannelId: {uniqueid}")


LOGOFF = b"Action: Logoff\r\n\r\n"


async def send_all(user: User, payloads: Sequence[bytes]) -> None:
    """Write each payload on a session of its own, AT_A_TIME side by side. Raises ConnectionError when one fails."""
    waiting = iter(payloads)

    async def worker() -> None:
        for payload in waiting:
            await _one_session(user, payload)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(worker())


async def _one_session(user: User, payload: bytes) -> None:
    loop = asyncio.get_running_loop()
    _, session = await loop.create_connection(lambda: _Session(user.login(), payload, loop), "127.0.0.1", user.port)
    await session.over


class _Session(asyncio.Protocol):
    """Banner, Login, action, Logoff: each is written when the answer before it has come."""

    def __init__(self, login: bytes, payload: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._to_write = [LOGOFF, payload, login]
        self._read = b""
        self._refused = False
        self.over: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        self._read += data
        # The banner is one line, the answers end in a blank line.
        end = b"\r\n" if len(self._to_write) == 3 else b"\r\n\r\n"
        if self._read.endswith(end):
            self._refused |= b"Response: Error" in self._read
            self._read = b""
            if self._to_write:
                self._transport.write(self._to_write.pop())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._to_write or self._refused:
            self.over.set_exception(ConnectionError("Asterisk refused a bare session or its action"))
        else:
            self.over.set_result(None)


def _action(name: str, *lines: str) -> bytes:
    return ("\r\n".join((f"Action: {name}", *lines)) + "\r\n\r\n").encode()
