"""The proxy does what it says: a fault harness that lies proves nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import Proxy

SOME = b"0123456789" * 10


class Peer:
    """A server that keeps what it got and says back what it is told."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.changed = asyncio.Event()
        self.ended = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self.got += data
                self.changed.set()
        self.ended.set()

    async def until_got(self, count: int) -> bytes:
        async with asyncio.timeout(5):
            while len(self.got) < count:
                self.changed.clear()
                await self.changed.wait()
        return bytes(self.got)


Through = tuple[Proxy, Peer, asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def through() -> AsyncIterator[Through]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        yield proxy, peer, reader, writer
        writer.close()
    if peer.writer is not None:
        peer.writer.close()
    server.close()


async def test_what_comes_in_goes_out_and_is_seen(through: Through) -> None:
    proxy, peer, reader, writer = through
    seen: list[tuple[int, bytes]] = []
    proxy.up.on_bytes = lambda connection, data: seen.append((connection, data))
    writer.write(SOME)
    assert await peer.until_got(100) == SOME
    assert (b"".join(data for _, data in seen), {number for number, _ in seen}) == (SOME, {1})
    assert peer.writer is not None
    peer.writer.write(b"answer")
    assert await reader.readexactly(6) == b"answer"


async def test_a_delay_holds_one_direction_up_and_keeps_its_order(through: Through) -> None:
    proxy, peer, reader, writer = through
    proxy.up.delay = 0.2
    begun = asyncio.get_running_loop().time()
    for digit in b"123":
        writer.write(bytes([digit]))
        await writer.drain()
    assert await peer.until_got(3) == b"123"
    assert 0.2 <= asyncio.get_running_loop().time() - begun < 1
    assert peer.writer is not None
    begun = asyncio.get_running_loop().time()
    peer.writer.write(b"x")
    await reader.readexactly(1)
    assert asyncio.get_running_loop().time() - begun < 0.15


async def test_a_narrow_way_takes_its_time(through: Through) -> None:
    proxy, peer, _, writer = through
    proxy.up.bytes_per_second = 500
    begun = asyncio.get_running_loop().time()
    writer.write(SOME)
    await peer.until_got(100)
    assert 0.15 <= asyncio.get_running_loop().time() - begun < 1


async def test_a_cut_lets_exactly_so_many_bytes_through(through: Through) -> None:
    proxy, peer, reader, writer = through
    writer.write(SOME)
    await peer.until_got(100)
    proxy.up.cut_after = 7
    writer.write(SOME)
    await asyncio.wait_for(peer.ended.wait(), 5)
    assert bytes(peer.got) == SOME + SOME[:7]
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)


async def test_what_is_swallowed_tells_nobody_and_the_end_of_it_is_a_cut(through: Through) -> None:
    proxy, peer, reader, writer = through
    writer.write(b"1")
    await peer.until_got(1)
    proxy.part()
    assert peer.writer is not None
    writer.write(b"2")
    peer.writer.write(b"3")
    other, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.gather(reader.read(1), other.read(1), return_exceptions=True), 0.2)
    assert bytes(peer.got) == b"1"
    assert not peer.ended.is_set()
    proxy.mend()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(other.read(1), 5)


async def test_a_half_close_ends_one_direction_only(through: Through) -> None:
    proxy, peer, reader, writer = through
    writer.write(b"1")
    await peer.until_got(1)
    proxy.half_close(proxy.down)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.write(b"2")
    assert await peer.until_got(2) == b"12"


async def test_an_end_that_is_said_goes_through(through: Through) -> None:
    _, peer, reader, writer = through
    writer.write(b"1")
    writer.write_eof()
    await asyncio.wait_for(peer.ended.wait(), 5)
    assert peer.writer is not None
    peer.writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"


async def test_who_is_refused_is_reset_and_so_is_everybody_when_it_cuts(through: Through) -> None:
    proxy, peer, reader, writer = through
    writer.write(b"1")
    await peer.until_got(1)
    proxy.refuses = True
    refused, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(refused.read(1), 5)
    assert proxy.connections == 2
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), 5)
    await asyncio.wait_for(peer.ended.wait(), 5)


async def test_a_connection_that_both_sides_have_ended_is_held_no_longer() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"word")
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 10) == b"word"
            writer.close()
        async with asyncio.timeout(10):
            while proxy.open:  # noqa: ASYNC110 - the proxy tells nobody
                await asyncio.sleep(0.01)
    server.close()
