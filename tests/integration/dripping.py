"""A way to the database that can be made to answer for ever, one byte at a time.

Read timeouts do not help against it, as something always comes: the one real way to wedge a database job of ours.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_ENDLESS = b"\xff\xff\xff\x01"
"""The head of MySQL's largest packet, the first of an answer; its 16 MB never come."""

_EVERY = 0.5


class Dripping:
    """A proxy on loopback, true until told to `drip`."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._dripping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The database as seen through this proxy."""
        here = self._server.sockets[0].getsockname()[1]
        return self._there._replace(netloc=self._there.netloc.rpartition(":")[0] + f":{here}").geturl()

    def drip(self) -> None:
        """From now on every question has an answer that never ends."""
        self._dripping.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self._there.hostname, self._there.port)
        for work in (self._ask(client, to_server, to_client), self._answer(server, to_client)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(lambda _: to_server.close())
            task.add_done_callback(lambda _: to_client.close())

    async def _ask(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, to_client: asyncio.StreamWriter
    ) -> None:
        while asked := await client.read(65536):
            if self._dripping.is_set():
                to_client.write(_ENDLESS)
                while True:
                    to_client.write(b"x")
                    await to_client.drain()
                    await asyncio.sleep(_EVERY)
            to_server.write(asked)

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        while answered := await server.read(65536):
            to_client.write(answered)
