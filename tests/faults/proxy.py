"""A TCP proxy that lies in the way, so that a network can be slow, narrow, torn or silent at the moment of a test.

It knows nothing of what it carries. Each direction is one `Way` with faults of its own, changeable while it runs; they
hold for the connections that are open and for those to come. `connections` tells how many there were.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.vanishing import vanish

CHUNK = 1 << 16
"""Bytes read at once; a throttled way reads less, so that what it holds back is not in our memory."""


@dataclasses.dataclass(slots=True, eq=False)
class Way:
    """One direction, and what is wrong with it."""

    delay: float = 0.0
    """Seconds after which bytes go on; their order stays."""
    bytes_per_second: float = 0.0
    """0: as fast as it goes."""
    swallow: bool = False
    """Bytes are taken and never go on; nobody is told. What was swallowed is lost when this ends."""
    cut_after: int | None = None
    """The connection is reset when it has carried so many bytes in this direction, which do go on; counted for each
    connection from when this was set."""
    on_bytes: Callable[[int, bytes], None] = lambda connection, data: None
    """Sees what goes on: the connection's number and the bytes."""


class _Link(asyncio.Protocol):
    """One side of a connection; its bytes go out at the other."""

    def __init__(self, connection: _Connection, way: Way) -> None:
        self._connection, self.way = connection, way
        self.transport: asyncio.Transport | None = None
        self.ends = {"heard": False, "told": False}
        """Whether it has said that it says no more, and was told that it hears no more. With both it is over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connection.made(self)

    def data_received(self, data: bytes) -> None:
        self._connection.carry(self, data)

    def eof_received(self) -> bool:
        self._connection.carry(self, b"")
        return True

    def end(self, which: str) -> None:
        """One of its two ends has passed. asyncio itself would keep a socket open that has passed both."""
        self.ends[which] = True
        if all(self.ends.values()) and self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.lost(self)


class _Connection:
    """Two sockets and what is on its way between them."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        self._proxy, self.number = proxy, number
        self.client, self.server = _Link(self, proxy.up), _Link(self, proxy.down)
        self._carried = {proxy.up: 0, proxy.down: 0}
        self._limits: dict[Way, int | None] = {proxy.up: None, proxy.down: None}
        self._queues = {way: asyncio.Queue[tuple[float, bytes]]() for way in (proxy.up, proxy.down)}
        self._passable = asyncio.Event()
        self._tasks = [asyncio.create_task(self._pump(link)) for link in (self.client, self.server)]

    def made(self, link: _Link) -> None:
        """A socket is there; a client who is to be refused loses his at once."""
        if link is self.client and self._proxy.refuses:
            self.reset(link)
            self.end()

    async def connect(self, port: int) -> None:
        """Go on to the server; what the client says meanwhile waits."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, "127.0.0.1", port)
        except OSError:
            self.reset(self.client)
            self.end()
        else:
            self._passable.set()

    def carry(self, link: _Link, data: bytes) -> None:
        """Bytes came in at one side (none: its end)."""
        queue = self._queues[link.way]
        queue.put_nowait((asyncio.get_running_loop().time(), data))
        if link.way.bytes_per_second and link.transport is not None and not link.transport.is_closing():
            link.transport.pause_reading()

    async def _pump(self, link: _Link) -> None:
        """Let what came in at one side out at the other, in order, as its way allows."""
        way, other = link.way, self.server if link is self.client else self.client
        queue, loop = self._queues[way], asyncio.get_running_loop()
        await self._passable.wait()
        while True:
            came, data = await queue.get()
            if (wait := came + way.delay - loop.time()) > 0:
                await asyncio.sleep(wait)
            if way.swallow:
                continue
            if not data:
                self.half_close(other)
                link.end("heard")
                continue
            while data:
                piece, data = self._piece(way, data)
                if other.transport is None or other.transport.is_closing():
                    return
                way.on_bytes(self.number, piece)
                other.transport.write(piece)
                self._carried[way] += len(piece)
                if (limit := self._limit(way)) is not None and self._carried[way] >= limit:
                    self._flush_and_reset(other)
                    return
                if way.bytes_per_second:
                    await asyncio.sleep(len(piece) / way.bytes_per_second)
            if queue.empty() and link.transport is not None and not link.transport.is_closing():
                link.transport.resume_reading()

    def _piece(self, way: Way, data: bytes) -> tuple[bytes, bytes]:
        size = len(data)
        if way.bytes_per_second:
            size = max(1, int(way.bytes_per_second / 50))
        if (limit := self._limit(way)) is not None:
            size = min(size, max(0, limit - self._carried[way]))
        return data[:size], data[size:]

    def _limit(self, way: Way) -> int | None:
        """At how many bytes carried it is cut."""
        if way.cut_after is None:
            self._limits[way] = None
        elif self._limits[way] is None:
            self._limits[way] = self._carried[way] + way.cut_after
        return self._limits[way]

    def _flush_and_reset(self, other: _Link) -> None:
        """What was written is with the kernel, which sends it before the end that `other` sees; the side that sent too
        much gets a reset."""
        self._proxy.torn += 1
        if other.transport is not None:
            other.transport.close()
        self.reset(self.client if other is self.server else self.server)

    def reset(self, link: _Link) -> None:
        """End one side with RST: what is on its way there is lost."""
        if link.transport is not None and not link.transport.is_closing():
            link.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            link.transport.abort()

    def half_close(self, link: _Link) -> None:
        """Say to one side that nothing more comes; it may still speak."""
        if link.transport is not None and not link.transport.is_closing():
            with contextlib.suppress(OSError):
                link.transport.write_eof()
            link.end("told")

    def lost(self, link: _Link) -> None:
        """One side has ended."""
        if link.way.swallow:
            return  # the other side learns nothing, as with a pulled cable
        other = self.server if link is self.client else self.client
        if other.transport is not None:
            other.transport.close()
        self.end()

    def end(self) -> None:
        """Nothing goes through any more."""
        for task in self._tasks:
            task.cancel()
        self._proxy.forget(self)


class Proxy:
    """Listens on 127.0.0.1 and passes everything on to `port` there. `up` leads to the server, `down` to the client."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.up, self.down = Way(), Way()
        self.refuses = False
        """Whether a new connection is reset at once."""
        self.connections = 0
        """How many clients have connected since the start."""
        self.torn = 0
        """How many connections were reset by `cut_after`."""
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError when it does not."""
        if self._server is None:
            raise RuntimeError("the proxy does not run; use it in an `async with`")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0, backlog=512)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connecting:
            task.cancel()
        self.cut()

    def part(self) -> None:
        """A pulled cable: nothing goes through in either direction, and nobody is told. `mend` ends it."""
        self.up.swallow = self.down.swallow = True

    def vanish(self) -> None:
        """Both peers of every connection lose power: not even their kernels answer any more. New connections work."""
        for connection in self._open:
            for link in (connection.client, connection.server):
                if link.transport is not None and not link.transport.is_closing():
                    vanish(link.transport.get_extra_info("socket"))

    def mend(self) -> None:
        """End whatever is wrong. A connection that lost bytes is of no use and is cut, as by the retransmissions that
        nobody answered; others go on."""
        torn = self.up.swallow or self.down.swallow
        self.refuses = False
        for way in (self.up, self.down):
            way.delay, way.bytes_per_second, way.swallow, way.cut_after = 0.0, 0.0, False, None
        if torn:
            self.cut()

    def cut(self) -> None:
        """Reset every connection, on both sides."""
        for connection in list(self._open):
            for link in (connection.client, connection.server):
                connection.reset(link)
            connection.end()

    def half_close(self, way: Way) -> None:
        """Let every connection's receiver in this direction see its end; the other direction goes on."""
        for connection in list(self._open):
            connection.half_close(connection.server if way is self.up else connection.client)

    def forget(self, connection: _Connection) -> None:
        self._open.discard(connection)

    def _accept(self) -> asyncio.Protocol:
        self.connections += 1
        connection = _Connection(self, self.connections)
        self._open.add(connection)
        if not self.refuses:
            task = asyncio.create_task(connection.connect(self._to))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        return connection.client
