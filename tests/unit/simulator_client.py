"""A plain AMI client for tests of the simulator, which may not lean on our own."""

from __future__ import annotations

import asyncio
import contextlib

from acqs_core.simulator import Simulator

LOGIN = "Action: Login\r\nUsername: acqs\r\nSecret: acqs\r\n"
CALL = (
    "Action: Originate\r\nActionID: o\r\nChannel: Local/620@default/n\r\n"
    "Context: default\r\nExten: 620\r\nPriority: 1\r\n"
)
"""A call that lasts until somebody ends it."""


class Client:
    """One AMI connection: `send` a message, read it back as dictionaries of headers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, text: str) -> None:
        self._writer.write((text.rstrip("\r\n") + "\r\n\r\n").encode())

    async def message(self) -> dict[str, str]:
        """The next message; raises IncompleteReadError at the end of the connection."""
        async with asyncio.timeout(10):
            text = await self._reader.readuntil(b"\r\n\r\n")
        return dict(line.partition(": ")[::2] for line in text.decode().split("\r\n") if ": " in line)

    async def until(self, **wanted: str) -> list[dict[str, str]]:
        """All messages up to and with the one that has these headers."""
        seen: list[dict[str, str]] = []
        while not seen or any(seen[-1].get(key) != value for key, value in wanted.items()):
            seen.append(await self.message())
        return seen

    async def end(self) -> bytes:
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                return await self._reader.read()
        return b""

    def close(self) -> None:
        self._writer.close()


async def connect(simulator: Simulator) -> Client:
    reader, writer = await asyncio.open_connection(*simulator.address, limit=1 << 20)
    return Client(reader, writer)


async def log_in(simulator: Simulator, events: str = "off") -> Client:
    client = await connect(simulator)
    client.send(LOGIN + f"Events: {events}")
    await client.until(Message="Authentication accepted")
    return client
