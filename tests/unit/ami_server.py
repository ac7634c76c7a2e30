"""A manager server that says exactly what a test tells it to: on a real socket, so that reads split where they may.

It is not the simulator: it knows no calls and can do what no Asterisk should, such as answer late or stop in mid-word.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Self

import pytest

from acqs_core.ami.session import Endpoint

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SECRET = "hush-hush"
CHALLENGE = "171094867"
KEY = hashlib.md5((CHALLENGE + SECRET).encode()).hexdigest()


class Received:
    """One message that a client wrote."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.lines = raw.decode().split("\r\n")

    def __getitem__(self, name: str) -> str:
        for line in self.lines:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""

    @property
    def action(self) -> str:
        return self["Action"]


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.received: list[Received] = []

    async def say(self, *messages: bytes, piece: int = 0) -> None:
        """Write messages; with `piece`, so many bytes at a time."""
        data = b"".join(message + b"\r\n\r\n" for message in messages)
        for start in range(0, len(data), piece or len(data) or 1):
            self.writer.write(data[start : start + (piece or len(data))])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def respond(self, to: Received, response: str = "Success", *lines: str) -> None:
        parts = [f"Response: {response}", f"ActionID: {to['ActionID']}", *lines]
        await self.say("\r\n".join(parts).encode())

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.writer.transport.abort()
        else:
            self.writer.close()


Answer = Callable[[Peer, Received], Awaitable[None]]


async def polite(peer: Peer, action: Received) -> None:
    """Answer as Asterisk does: the end to a Logoff, an Error to a Login without SECRET or its proof, else Success."""
    if action.action == "Logoff":
        await peer.respond(action, "Goodbye", "Message: Thanks for all the fish.")
        peer.hang_up()
    elif action.action == "Challenge":
        await peer.respond(action, "Success", f"Challenge: {CHALLENGE}")
    elif action.action == "Login" and action["Secret"] != SECRET and action["Key"] != KEY:
        await peer.respond(action, "Error", "Message: Authentication failed")
    else:
        await peer.respond(action, "Success", "Message: done")


class AmiServer:
    """`async with AmiServer(answer) as server`. `answer` is asked for everything but, by default, Login and Logoff."""

    def __init__(
        self,
        answer: Answer = polite,
        *,
        banner: bytes | None = BANNER,
        rude: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer, self.banner, self.rude, self.tls = answer, banner, rude, tls
        self.peers: list[Peer] = []
        self.left = 0
        """Connections that have ended."""
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def endpoint(self, secret: str = SECRET, **more: Any) -> Endpoint:
        return Endpoint("127.0.0.1", self.port, "acqs", secret, **more)

    @property
    def received(self) -> list[Received]:
        return [received for peer in self.peers for received in peer.received]

    def actions(self) -> list[str]:
        """The names of what was received, Login and Logoff left out."""
        return [r.action for r in self.received if r.action not in ("Login", "Logoff")]

    async def until(self, condition: Callable[[AmiServer], bool], timeout: float = 5.0) -> None:
        """Wait for something that the server sees."""
        async with asyncio.timeout(timeout), self.changed:
            await self.changed.wait_for(lambda: condition(self))

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        await self._notify()
        try:
            await self._serve(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left, which the test itself looks at
        finally:
            writer.close()
            self.left += 1
            await self._notify()

    async def _serve(self, peer: Peer) -> None:
        if self.banner is not None:
            peer.writer.write(self.banner)
        while True:
            action = Received(await peer.reader.readuntil(b"\r\n\r\n"))
            peer.received.append(action)
            await self._notify()
            if action.action in ("Challenge", "Login", "Logoff") and not self.rude:
                await polite(peer, action)
            else:
                await self.answer(peer, action)


async def silent(peer: Peer, action: Received) -> None:
    """Never answer."""


def ping(action_id: str) -> tuple[bytes, str]:
    """The two arguments of `perform` for a Ping."""
    return f"Action: Ping\r\nActionID: {action_id}\r\n\r\n".encode(), action_id


@pytest.fixture(params=["asyncio", "uvloop"])
def both_loops(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """The programs run on uvloop, which calls a protocol in another order than asyncio's own loop does.

    A test module uses it as its `event_loop_policy`.
    """
    if request.param == "asyncio":
        return asyncio.DefaultEventLoopPolicy()
    policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
    return policy
